//! What is in the memory of a process: a look for something that must be there, or must not.
//!
//! Everything that can be read is read, page by page, through `/proc`. Needs root.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

/// How much is read at once.
const PIECE: usize = 1 << 20;

/// Which of these are in the memory of the process, by their places in the list.
///
/// # Panics
///
/// When the process cannot be looked at.
#[must_use]
pub fn found(pid: u32, wanted: &[Vec<u8>]) -> Vec<usize> {
    let maps = std::fs::read_to_string(format!("/proc/{pid}/maps")).expect("a process that runs");
    let mut memory = File::open(format!("/proc/{pid}/mem")).expect("root may look");
    let longest = wanted.iter().map(Vec::len).max().unwrap_or_default();
    let mut begins = [false; 256];
    for first in wanted.iter().filter_map(|one| one.first()) {
        begins[usize::from(*first)] = true;
    }
    let mut found = vec![false; wanted.len()];
    let mut read_any = false;
    for line in maps.lines() {
        let mut fields = line.split_whitespace();
        let (Some(range), Some(rights)) = (fields.next(), fields.next()) else { continue };
        let Some((from, until)) = range.split_once('-') else { continue };
        let number = |text| u64::from_str_radix(text, 16).expect("a number of the kernel's");
        let (mut at, until) = (number(from), number(until));
        // What the kernel keeps for itself cannot be read; nobody writes there.
        if !rights.starts_with('r') || line.ends_with("[vvar]") || line.ends_with("[vsyscall]") {
            continue;
        }
        let mut seen: Vec<u8> = Vec::new();
        while at < until {
            let size = usize::try_from(until - at).unwrap_or(PIECE).min(PIECE);
            let mut piece = vec![0; size];
            let read = memory.seek(SeekFrom::Start(at)).and_then(|_| memory.read_exact(&mut piece));
            if read.is_err() {
                break;
            }
            read_any = true;
            // What lies across two pieces is looked for in both together.
            let keep = seen.len().saturating_sub(longest);
            seen.drain(..keep);
            seen.extend_from_slice(&piece);
            // One pass for all of them: few places begin like one.
            for at in seen.iter().enumerate().filter(|(_, byte)| begins[usize::from(**byte)]) {
                let rest = &seen[at.0..];
                for (found, wanted) in found.iter_mut().zip(wanted) {
                    *found |= rest.starts_with(wanted);
                }
            }
            at += size as u64;
        }
    }
    assert!(read_any, "nothing of process {pid} could be read");
    (0..wanted.len()).filter(|at| found[*at]).collect()
}
