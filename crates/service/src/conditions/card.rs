//! The network card that leads out of the machine, and its counter.
//!
//! The kernel's default route names a device; its counts of bytes are files that anybody may read. Network agents read it, some hundred times a second, and open no file: so it is opened here
//! and handed to them.

use std::fs;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use super::routes;

/// Where the kernel lists its devices, and where those really are.
pub(crate) const DEVICES: [&str; 2] = ["/sys/class/net", "/sys/devices"];

/// The counters of bytes received and sent of the device the default route leads over.
#[derive(Debug)]
pub(crate) struct Counters {
    pub(crate) received: OwnedFd,
    pub(crate) sent: OwnedFd,
}

/// Opens them; nothing if there is no such route, or they cannot be had.
pub(crate) fn counters() -> Option<Counters> {
    let device = routes::look().ok()?.way_out()?;
    let statistics = named(Path::new(DEVICES[0]), device)?.join("statistics");
    let open = |name: &str| fs::File::open(statistics.join(name)).ok().map(OwnedFd::from);
    Some(Counters { received: open("rx_bytes")?, sent: open("tx_bytes")? })
}

/// The name of the network: the device that leads out, and the gateway behind it. Nothing without one.
pub(crate) fn network() -> Option<String> {
    let routes = routes::look().ok()?;
    let (device, gateway) = routes.gateway()?;
    let device = named(Path::new(DEVICES[0]), device)?;
    let gateway: String = gateway.iter().map(|byte| format!("{byte:02x}")).collect();
    Some(format!("{} {gateway}", device.file_name()?.to_string_lossy()))
}

/// The device with this number.
fn named(devices: &Path, number: u32) -> Option<PathBuf> {
    let number = number.to_string();
    fs::read_dir(devices).ok()?.filter_map(Result::ok).map(|entry| entry.path()).find(|device| {
        fs::read_to_string(device.join("ifindex")).is_ok_and(|text| text.trim() == number)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_found_by_its_number_and_its_counter_is_a_number() {
        // The loopback device has this number in every network namespace.
        let loopback = named(Path::new(DEVICES[0]), 1).unwrap();
        assert!(loopback.ends_with("lo"));
        let text = fs::read_to_string(loopback.join("statistics/rx_bytes")).unwrap();
        text.trim().parse::<u64>().unwrap();
        assert_eq!(named(Path::new(DEVICES[0]), u32::MAX), None);
    }
}
