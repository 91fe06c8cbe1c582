//! Promise: every property of `docs/properties.md` that can be set is set by `ebb set`, and every
//! one is shown by `ebb show`; header fields are, without a secret on a command line; and whoever
//! knows what a file should be says so.

use ebb_core::job::{PROPERTIES, WITHOUT_EFFECT};
use std::path::Path;
use support::content::Content;
use support::instance::{Instance, Setup};
use support::server::{Resource, Server};
use support::users::User;

const FILE: Content = Content::new(95, 20_000);

/// For each property: what a person writes, the field that shows it, and what that shows.
const ROWS: &[(&str, &str, &str, &str)] = &[
    ("DisplayName", "another", "name", "another"),
    ("Description", "with = and spaces", "description", "with = and spaces"),
    ("Priority", "low", "priority", "low"),
    ("MinimumRetryDelay", "90s", "retry_delay", "90"),
    ("NoProgressTimeout", "2h", "no_progress_timeout", "7200"),
    ("MaximumDownloadTime", "1d", "max_download_time", "86400"),
    ("AutoComplete", "yes", "auto_complete", "true"),
    ("NotifyFlags", "error,file-transferred", "notify_flags", "18"),
    (
        "NotifyCommand",
        "true 'a b' $HOME",
        "notify_command",
        "[\"/usr/bin/true\",\"a b\",\"$HOME\"]",
    ),
    ("MinimumNotificationInterval", "250", "notification_interval", "250"),
    ("ProxySettings", "none", "proxy.usage", "none"),
    ("CostFlags", "standard", "cost", "2147483751"),
    ("DynamicContent", "yes", "dynamic_content", "true"),
    ("HighPerformance", "yes", "high_performance", "true"),
    ("MaximumDownloadSize", "20M", "max_download_size", "20971520"),
    ("BandwidthLimit", "2M", "limit_rate", "2097152"),
    ("OnDemandMode", "yes", "on_demand", "true"),
    ("UseStoredCredentials", "yes", "stored_credentials", "true"),
    ("HttpMethod", "POST", "http_method", "POST"),
    ("SecurityFlags", "0x100", "security_flags", "256"),
    ("FileMode", "640", "file_mode", "0640"),
    ("FileGroup", "", "file_group", ""),
];

#[test]
fn every_property_is_set_and_shown_on_the_command_line() {
    let setup = Setup::new().config("allow-notify-command = true");
    let (instance, user) = (setup.start(), User::ordinary());
    let names: Vec<&str> = PROPERTIES.iter().map(|row| row.name).collect();
    assert_eq!(ROWS.iter().map(|row| row.0).collect::<Vec<_>>(), names, "the same rows");
    let gid = user.gid.to_string();
    for (row, (_, value, field, shown)) in PROPERTIES.iter().zip(ROWS) {
        let (value, shown) = if value.is_empty() { (&*gid, &*gid) } else { (*value, *shown) };
        let id = instance.must(&user, &["create", "settable", "--no-auto-complete"]);
        let before = instance.must(&user, &["show", &id, "-g", field]);
        assert_ne!(before, shown, "{}: it changes", row.name);
        let set = instance.run(&user, &["set", &id, &format!("{}={value}", row.option)]);
        let now = instance.must(&user, &["show", &id, "-g", field]);
        if WITHOUT_EFFECT.contains(&row.property) {
            assert_eq!((set.status.code(), now), (Some(1), before), "{}", row.name);
        } else {
            let said = String::from_utf8_lossy(&set.stderr);
            assert_eq!((set.status.code(), &*now), (Some(0), shown), "{}: {said}", row.name);
        }
        instance.must(&user, &["cancel", &id]);
    }
}

#[test]
fn headers_are_given_without_a_secret_on_the_command_line() {
    const SECRET: &str = "Bearer hunter2";
    let (instance, server, user) = (Instance::start(), Server::http(), User::ordinary());
    server.put("/f", Resource::new(FILE));
    let directory = instance.directory_of(&user);
    let (secret, lines) = (directory.join("secret"), directory.join("lines"));
    user.run(|| {
        std::fs::write(&secret, format!("{SECRET}\n")).unwrap();
        std::fs::write(&lines, "Accept-Language: de\n").unwrap();
    });
    let (path, url) = (directory.join("f"), server.url("/f"));
    let path = path.to_str().unwrap();
    let (lines, text) = (lines.to_str().unwrap(), format!("X-Key: {SECRET}"));
    let in_the_open =
        instance.run(&user, &["submit", &url, "-o", path, "--header", "Cookie: hunter2"]);
    assert_eq!(in_the_open.status.code(), Some(2));
    assert!(!String::from_utf8_lossy(&in_the_open.stderr).contains("hunter2"));

    // One that is not write-only can be read, changed and closed.
    let words =
        ["submit", "--suspended", &url, "-o", path, "--header", &text, "--headers-file", lines];
    let id = instance.must(&user, &words);
    let read = || instance.must(&user, &["show", &id, "-g", "headers"]);
    assert_eq!(read(), format!("[\"{text}\",\"Accept-Language: de\"]"));
    instance.must(&user, &["set", &id, &format!("headers=@{lines}")]);
    assert_eq!(read(), "[\"Accept-Language: de\"]");
    instance.must(&user, &["set", &id, "headers=none"]);
    assert_eq!(read(), "[]");
    instance.must(&user, &["set", &id, "headers-write-only=yes"]);
    let write_only = instance.must(&user, &["show", &id, "-g", "headers_write_only"]);
    assert_eq!((read(), write_only), (String::new(), "true".into()));
    instance.must(&user, &["cancel", &id]);

    // A secret by its name comes from a file, is sent, and is read back by nobody.
    let header = format!("Authorization: @{}", secret.display());
    let words = ["get", "-q", &url, "-o", path, "--header", &header, "--headers-file", lines];
    instance.must(&user, &words);
    FILE.check(Path::new(path));
    let asked = &server.requests("/f")[0];
    assert_eq!(asked.field("Authorization"), Some(SECRET));
    assert_eq!(asked.field("Accept-Language"), Some("de"));
}

#[test]
fn who_knows_what_a_file_should_be_says_so() {
    let (instance, server, user) = (Instance::start(), Server::http(), User::ordinary());
    server.put("/f", Resource::new(FILE));
    let path = instance.directory_of(&user).join("f");
    let words = ["submit", "--no-auto-complete", &server.url("/f"), "-o", path.to_str().unwrap()];
    let id = instance.must(&user, &words);
    let wait = || instance.must(&user, &["wait", &id, "--for", "transferred", "--timeout", "60s"]);
    let valid = || {
        let files = instance.must(&user, &["show", &id, "-g", "files"]);
        files.contains("\"valid\":true")
    };
    wait();
    instance.must(&user, &["verify", &format!("{id}#0"), "valid"]);
    assert!(valid());
    instance.must(&user, &["verify", &format!("{id}:f"), "invalid"]);
    assert_eq!(instance.must(&user, &["show", &id, "-g", "error.code"]), "validation-failed");
    for (file, code) in [("#7", 5), (":g", 5), ("", 2)] {
        let words = ["verify", &format!("{id}{file}"), "valid"];
        assert_eq!(instance.run(&user, &words).status.code(), Some(code), "{file}");
    }
    instance.must(&user, &["resume", &id]);
    wait();
    assert_eq!(server.requests("/f").len(), 2);
    instance.must(&user, &["complete", &id]);
    FILE.check(&path);
}
