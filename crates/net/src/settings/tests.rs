//! What a machine and its users say, file by file.

use super::*;
use ebb_http::{Bypass, Listed, ProxyKind, Scheme};
use std::fs;
use std::os::unix::fs::symlink;

/// The files of a machine, in a directory that goes away with it.
struct Machine(PathBuf);

impl Machine {
    fn with(name: &str, files: &[(&str, &str)]) -> Self {
        let root = std::env::temp_dir().join(format!("ebb-net-{}-{name}", std::process::id()));
        let machine = Self(root);
        machine.write("etc/passwd", "root:x:0:0::/root:/bin/sh\nalice:x:7:7:A:/home/alice:\n");
        for (path, text) in files {
            machine.write(path, text);
        }
        machine
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.0.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// The proxies that a user has, as a list names them, those for http first.
    fn proxies(&self, uid: u32) -> Vec<String> {
        match read(&self.0, uid) {
            ProxyUse::Through(proxies) => {
                let shown = |listed: &Listed| match listed.only {
                    Some(Scheme::Http) => format!("http={}", listed.proxy),
                    Some(Scheme::Https) => format!("https={}", listed.proxy),
                    None => listed.proxy.to_string(),
                };
                proxies.list.iter().map(shown).collect()
            }
            ProxyUse::Direct => Vec::new(),
            ProxyUse::Unusable(why) => vec![why.to_string()],
        }
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

#[test]
fn a_user_has_what_is_his_own_and_the_machines_where_he_says_nothing() {
    let own = "home/alice/.config/environment.d";
    let machine = Machine::with(
        "own",
        &[
            ("etc/environment", "PATH=/bin\nexport https_proxy=\"http://everyones:1\"\n"),
            ("etc/environment.d/10-proxy.conf", "http_proxy=http://machines:2\n"),
            (&format!("{own}/a.conf"), "# mine\nHTTP_PROXY='socks5://u:hunter2@mine'\n"),
            (&format!("{own}/b.txt"), "http_proxy=http://no-such-file:1\n"),
        ],
    );
    assert_eq!(machine.proxies(0), ["http=http://machines:2", "https=http://everyones:1"]);
    assert_eq!(machine.proxies(7), ["http=socks5://mine:1080", "https=http://everyones:1"]);
    // Nobody knows where this one lives.
    assert_eq!(machine.proxies(8), machine.proxies(0));
    machine.write(&format!("{own}/z.conf"), "http_proxy=\nHTTPS_PROXY=\n");
    assert_eq!(machine.proxies(7), [] as [&str; 0]);
}

#[test]
fn of_two_files_of_one_name_the_administrators_counts_and_of_two_names_the_later() {
    let machine = Machine::with(
        "names",
        &[
            ("usr/lib/environment.d/50.conf", "http_proxy=http://a:1\nhttps_proxy=http://a:1"),
            ("etc/environment.d/50.conf", "http_proxy=http://b:1"),
            ("run/environment.d/60.conf", "http_proxy=http://c:1"),
        ],
    );
    assert_eq!(machine.proxies(0), ["http=http://c:1"]);
    machine.write("etc/environment", "all_proxy = socks5h://d");
    assert_eq!(machine.proxies(0), ["http=http://c:1", "https=socks5://d:1080"]);
}

#[test]
fn what_makes_no_sense_is_told_with_its_file_and_without_its_password() {
    let machine = Machine::with("wrong", &[]);
    for value in
        ["ftp://u:hunter2@p", "http://$PROXY:1", "http://u:hunter2@p:x", "http://", "p:99999"]
    {
        machine.write("etc/environment", &format!("http_proxy={value}"));
        let told = machine.proxies(0);
        assert!(told[0].starts_with("http_proxy in "), "{told:?}");
        assert!(told[0].contains("etc/environment: ") && !told[0].contains("hunter2"), "{told:?}");
    }
}

#[test]
fn ports_are_those_that_are_written_and_else_the_usual() {
    let machine = Machine::with("ports", &[]);
    for (value, wanted) in [
        ("p", "http://p:80"),
        ("http://p:80/", "http://p:80"),
        ("https://p", "https://p:443"),
        ("https://p:80", "https://p:80"),
        ("socks5://p:443", "socks5://p:443"),
        ("10.0.0.1:3128", "http://10.0.0.1:3128"),
        ("http://[::1]:3128", "http://[::1]:3128"),
    ] {
        machine.write("etc/environment", &format!("http_proxy={value}"));
        assert_eq!(machine.proxies(0), [format!("http={wanted}")], "{value}");
    }
}

#[test]
fn what_is_not_proxied_is_this_machine_and_what_is_named() {
    let hosts = "a.example,.b.example *.c.example,10.0.0.0/8 192.0.2.1,::2,h:8080,[::3],a b!,1/99";
    let text = format!("http_proxy=p\nno_proxy=\"{hosts}\"");
    let machine = Machine::with("bypass", &[("etc/environment", &text)]);
    let ProxyUse::Through(proxies) = read(&machine.0, 0) else { panic!("there is a proxy") };
    let network = |text: &str, bits| Bypass::Network(text.parse().unwrap(), bits);
    let domain = |name: &str| Bypass::Domain(name.to_owned());
    let wanted = [
        domain("localhost"),
        network("127.0.0.0", 8),
        network("::1", 128),
        domain("a.example"),
        domain("b.example"),
        domain("c.example"),
        network("10.0.0.0", 8),
        network("192.0.2.1", 32),
        network("::2", 128),
        domain("h"),
        network("::3", 128),
        domain("a"),
        domain("b!"),
    ];
    assert_eq!(proxies.bypass, wanted);
    assert_eq!(proxies.list[0].proxy.kind, ProxyKind::Http);
    machine.write("etc/environment", "http_proxy=p\nno_proxy=*");
    let ProxyUse::Through(proxies) = read(&machine.0, 0) else { panic!("there is a proxy") };
    assert!(proxies.bypass.contains(&Bypass::Ending(String::new())));
}

#[test]
fn what_is_no_file_is_passed_over_and_what_is_too_long_is_cut() {
    let machine = Machine::with("odd", &[("etc/environment.d/b.conf", "http_proxy=p")]);
    let directory = machine.0.join("etc/environment.d");
    let pipe = directory.join("c.conf");
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, FileType::Fifo, Mode::from(0o600), 0).unwrap();
    symlink("/dev/zero", directory.join("d.conf")).unwrap();
    symlink("nowhere", directory.join("e.conf")).unwrap();
    fs::create_dir(directory.join("f.conf")).unwrap();
    let long = format!("{}\nhttp_proxy=late", "#".repeat(usize::try_from(MOST_BYTES).unwrap()));
    machine.write("etc/environment.d/g.conf", &long);
    assert_eq!(machine.proxies(0), ["http=http://p:80"]);
}
