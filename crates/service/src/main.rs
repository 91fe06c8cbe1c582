//! The program `ebb-service`: who asks, rules, store, schedule.
//!
//! It runs as its own user without any capability, is started by `ebbd`, and talks to it over its
//! standard input. It holds the jobs and their store and every socket to an agent. It never opens a
//! user's path, parses a byte from the network, or resolves a host's name.
//!
//! One thread, one event loop, and one more thread for the store. Start reading at
//! [`main_loop::MainLoop::run`].

#![forbid(unsafe_code)]

mod agents;
mod arguments;
mod attempt;
mod audit;
mod bus;
mod carry;
mod clock;
mod command;
mod conditions;
mod finish;
mod groups;
mod main_loop;
mod manager;
mod polkit;
mod sessions;
mod settings;
mod vault;
mod writer;

use std::cell::Cell;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;

use ebb_config::{Config, ConfigError};
use ebb_core::job::Boot;
use ebb_core::paths::Memory;
use ebb_core::token::BootId;
use ebb_sandbox::Confinement;
use ebb_store::{Store, StoreError};
use tokio::sync::{broadcast, mpsc};

use agents::{Agents, Channel, Launcher, Wish};
use arguments::Arguments;
use audit::journal::Journal;
use bus::Face;
use command::Message;
use groups::Groups;
use main_loop::{Found, MainLoop, Parts};
use manager::Manager;
use polkit::Polkit;
use sessions::{Finder, Follower};
use settings::Settings;
use vault::{Vault, VaultError};
use writer::Writer;

/// Notices a slow subscriber may be behind.
const NOTICES: usize = 4096;
/// Which boot of the machine this is.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";
/// Where `/etc/localtime` leads to.
const ZONES: &str = "/usr/share/zoneinfo";
/// How often a bus that went away is looked for.
const BUS_PAUSE: Duration = Duration::from_secs(5);

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ebb-service: {error}");
            ExitCode::from(code(&*error))
        }
    }
}

/// What `ebbd` ends with, too, from `sysexits.h`: 78 if only an administrator can set it right; else 70, and
/// systemd starts both anew.
fn code(error: &(dyn Error + 'static)) -> u8 {
    let store = error.downcast_ref::<StoreError>();
    let is_final = error.is::<ConfigError>()
        || error.is::<VaultError>()
        || store
            .is_some_and(|error| matches!(error, StoreError::Newer { .. } | StoreError::NotAStore));
    if is_final { 78 } else { 70 }
}

fn run() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse(std::env::args_os().skip(1))?;
    let vault = Vault::new(&arguments.state_dir)?;
    let system = arguments.instance == bus::Instance::System;
    let manager = Manager::find(arguments.notify.as_deref().filter(|_| system));
    let tree = system.then(Groups::find).flatten();
    confine(&arguments, tree.clone())?;
    if system && tree.is_none() {
        println!("no control groups of our own: agents stay in the one we are in");
    }
    let groups = Groups::settle(tree);
    let settings = Rc::new(Settings::new(&arguments.config, &arguments.state_dir));
    let config = settings.read()?;
    let mut store = Store::open(&arguments.state_dir.join("jobs.sqlite"))?;
    let jobs = store.load()?;
    let (events, newest_of_histories) = (store.load_events()?, store.newest_of_histories()?);
    let found = Found { events, newest_of_histories };
    let memory = Memory::restored(store.load_paths()?);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let local = tokio::task::LocalSet::new();
    local.block_on(
        &runtime,
        serve(arguments, (settings, config), vault, groups, manager, store, (jobs, found, memory)),
    )
}

/// From here on this process reaches its own directories and local sockets, and reads the machine's
/// configuration: no user's files, no network, no other program, whatever is made of it.
fn confine(
    arguments: &Arguments,
    groups: Option<PathBuf>,
) -> Result<(), ebb_sandbox::SandboxError> {
    let own = vec![arguments.state_dir.clone(), arguments.runtime_dir.clone()];
    let config = arguments.config.parent().map(Path::to_owned);
    let readable = config
        .into_iter()
        .chain([BOOT_ID.into(), ZONES.into()])
        .chain(conditions::card::DEVICES.map(Into::into))
        .collect();
    let role = Confinement::Service { own, readable, groups };
    let sandbox = ebb_sandbox::enter(role, arguments.sandbox)?;
    if sandbox.landlock_abi == 0 || !sandbox.seccomp {
        eprintln!("the service works without its whole sandbox: {sandbox:?}");
    }
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    Ok(())
}

/// Connects everything with everything else, and runs until `ebbd` asks us to finish.
async fn serve(
    arguments: Arguments,
    (settings, config): (Rc<Settings>, Config),
    vault: Vault,
    groups: Groups,
    manager: Manager,
    mut store: Store,
    (jobs, found, memory): (Vec<ebb_core::job::Job>, Found, Memory),
) -> Result<(), Box<dyn Error>> {
    let boot = BootId(fs::read_to_string(BOOT_ID)?.trim().to_owned());
    let boot_before = if store.begin_life(&boot.0)? { Boot::Same } else { Boot::Another };
    let channel = rustix::io::dup(rustix::stdio::stdin())?;
    let launcher = Launcher::new(Channel::new(channel)?);
    let agents = Rc::new(Agents::new(Rc::clone(&launcher), groups, arguments.sandbox));
    agents.recall(memory);
    let (outbox, inbox) = mpsc::unbounded_channel();
    let (notices, _) = broadcast::channel(NOTICES);
    let face = Rc::new(Face {
        instance: arguments.instance,
        policy: config.policy.clone(),
        boot: boot.clone(),
        outbox: outbox.clone(),
        notices: notices.clone(),
        next_connection: Cell::new(1),
    });
    let journal = journal(arguments.instance, &config)?;
    let (finder, questions) = Finder::new();
    let mut logins = Follower::new(config.bus_address.clone(), outbox.clone(), questions);
    let presence = logins.first_look().await;
    let main_loop = MainLoop::new(
        Parts {
            instance: arguments.instance.name(),
            private_to: arguments.instance.private_to(),
            policy: config.policy.clone(),
            boot,
            boot_before,
            agents,
            vault,
            writer: Writer::new(store),
            journal,
            inbox,
            outbox: outbox.clone(),
            notices,
            surroundings: conditions::first_look(),
            zone: conditions::Zone::read(),
            presence,
            finder,
            polkit: Rc::new(Polkit::new(config.bus_address.clone())),
            settings: Rc::clone(&settings),
        },
        jobs,
        found,
    );
    tokio::task::spawn_local(logins.follow());
    start_system_bus(&arguments, &config, &face);
    conditions::watch(config.bus_address.clone(), outbox.clone());
    let manager = Rc::new(manager);
    tokio::task::spawn_local(Rc::clone(&manager).keep_informed(outbox.clone(), manager::SIGN));
    let socket = arguments.runtime_dir.join("bus");
    tokio::select! {
        ended = serve_ebbd(&launcher, &settings, &manager, outbox) => ended?,
        failed = bus::serve_peers(&socket, face) => failed?,
        ended = main_loop.run() => ended?,
    }
    // Whoever comes now shall find nobody, not a door that nobody opens. A socket that cannot be
    // taken away is replaced by the next service.
    let _ = fs::remove_file(&socket);
    launcher.close().await;
    Ok(())
}

/// A private instance has its log beside it, and no journal unless it is told of one.
fn journal(instance: bus::Instance, config: &Config) -> std::io::Result<Journal> {
    match (&config.journal_socket, instance) {
        (None, bus::Instance::Private) => Ok(Journal::none()),
        (place, _) => Journal::at(place.as_deref()),
    }
}

/// Does what `ebbd` wants; after it has asked us to finish, waits for that for ever.
async fn serve_ebbd(
    launcher: &Launcher,
    settings: &Settings,
    manager: &Manager,
    outbox: mpsc::UnboundedSender<Message>,
) -> Result<(), agents::LauncherLost> {
    while launcher.listen().await? == Wish::Reload {
        manager.reloading();
        reload(settings, &outbox);
        manager.ready();
    }
    manager.stopping();
    // The main loop ends by this, and we with it.
    let _ = outbox.send(Message::Finish);
    // Agents may still have to be stopped; ebbd has nothing more to say but that they ended.
    while launcher.listen().await? == Wish::Reload {}
    Ok(())
}

/// Reads the configuration again. One with a mistake changes nothing: the old policy stays.
fn reload(settings: &Settings, outbox: &mpsc::UnboundedSender<Message>) {
    match settings.read() {
        Ok(config) => {
            println!(
                "the configuration was read again; a new bus-address or journal-socket counts after a restart"
            );
            let changed = settings.changed();
            if !changed.is_empty() {
                println!("not as the files say, but as `ebb policy` does: {}", changed.join(", "));
            }
            // The main loop ends only with the process.
            let _ = outbox.send(Message::Policy(config.policy));
        }
        Err(error) => eprintln!("the old configuration stays: {error}"),
    }
}

/// The bus may be missing, or come later; our socket works without it.
fn start_system_bus(arguments: &Arguments, config: &Config, face: &Rc<Face>) {
    let address = config.bus_address.clone();
    let unwanted = address.as_deref() == Some("");
    if arguments.instance == bus::Instance::Private && address.is_none() || unwanted {
        return;
    }
    let face = Rc::clone(face);
    tokio::task::spawn_local(async move {
        let mut said = false;
        loop {
            match bus::serve_system_bus(address.as_deref(), Rc::clone(&face)).await {
                Ok(()) => eprintln!("the message bus closed the connection"),
                Err(error) if !said => eprintln!("not on the message bus: {error}"),
                Err(_) => {}
            }
            said = true;
            tokio::time::sleep(BUS_PAUSE).await;
        }
    });
}
