//! The filter itself, run for every system call there is.
//!
//! The kernel runs the filter as a program of classic BPF over the number, the architecture and the
//! arguments of a call. So does this module, with an interpreter of the few instructions a filter
//! is made of. A live attempt (`tests/it`) shows that the kernel does with the filter what it
//! should; this shows that the filter is right about all calls, and not only about those somebody
//! thought of trying.

use super::*;

/// One past the highest number looked at; the highest there is today is below 500.
const NUMBERS: i64 = 601;
const X32_BIT: u32 = 0x4000_0000;

#[cfg(target_arch = "x86_64")]
const OUR_ARCHITECTURE: u32 = 0xC000_003E;
#[cfg(target_arch = "aarch64")]
const OUR_ARCHITECTURE: u32 = 0xC000_00B7;
/// 386, x86-64, ARM, ARM 64, RISC-V 64, and none at all.
const ARCHITECTURES: [u32; 6] =
    [0x4000_0003, 0xC000_003E, 0x4000_0028, 0xC000_00B7, 0xC000_00F3, 0];

/// What the filter says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Allowed,
    Fails(i32),
    Killed,
}

/// What the kernel shows the filter.
#[derive(Clone, Copy)]
struct Call {
    number: u32,
    architecture: u32,
    arguments: [u64; 6],
}

impl Call {
    fn new(number: i64, arguments: &[i32]) -> Self {
        let mut all = [0; 6];
        for (place, argument) in all.iter_mut().zip(arguments) {
            *place = u64::from(argument.unsigned_abs());
        }
        let number = u32::try_from(number).unwrap();
        Self { number, architecture: OUR_ARCHITECTURE, arguments: all }
    }

    /// The word at an offset of `struct seccomp_data`.
    fn word(&self, offset: u32) -> u32 {
        let half = |value: u64, high: bool| {
            u32::try_from(if high { value >> 32 } else { value & 0xFFFF_FFFF }).unwrap()
        };
        match offset {
            0 => self.number,
            4 => self.architecture,
            8 | 12 => panic!("where a call comes from says nothing about it"),
            16..64 => {
                let word = usize::try_from((offset - 16) / 4).unwrap();
                let high = (word % 2 == 1) == cfg!(target_endian = "little");
                half(self.arguments[word / 2], high)
            }
            _ => panic!("{offset} is outside of what the kernel shows"),
        }
    }
}

/// Runs a filter as the kernel does. Panics on what no filter of ours contains.
fn run(program: &[sock_filter], call: Call) -> Verdict {
    let (mut at, mut accumulator) = (0, 0);
    loop {
        let step = &program[at];
        at += 1;
        let mut jump = |condition: bool| {
            at += usize::from(if condition { step.jt } else { step.jf });
        };
        match step.code {
            0x20 => accumulator = call.word(step.k),
            0x54 => accumulator &= step.k,
            0x05 => at += usize::try_from(step.k).unwrap(),
            0x15 => jump(accumulator == step.k),
            0x25 => jump(accumulator > step.k),
            0x35 => jump(accumulator >= step.k),
            0x06 => return verdict(step.k),
            other => panic!("instruction {other:#x}"),
        }
    }
}

fn verdict(word: u32) -> Verdict {
    match word & 0xFFFF_0000 {
        0x7FFF_0000 => Verdict::Allowed,
        0x0005_0000 => Verdict::Fails(i32::try_from(word & 0xFFFF).unwrap()),
        0x8000_0000 => Verdict::Killed,
        other => panic!("action {other:#x}"),
    }
}

/// The roles with what each is denied whatever the arguments.
fn roles() -> [(Confinement, Vec<i64>); 5] {
    [
        (Confinement::Files, [DENIED, DENIED_TO_AGENTS, DENIED_TO_FILES].concat()),
        (
            Confinement::Sign,
            [DENIED, DENIED_TO_AGENTS, DENIED_TO_FILES, DENIED_TO_NETWORK].concat(),
        ),
        (
            Confinement::Token { places: vec![] },
            [DENIED, DENIED_TO_AGENTS, DENIED_TO_NETWORK, &[libc::SYS_bind]].concat(),
        ),
        (
            Confinement::Network { readable: vec![] },
            [DENIED, DENIED_TO_AGENTS, DENIED_TO_NETWORK].concat(),
        ),
        (Confinement::Service { own: vec![], readable: vec![], groups: None }, DENIED.to_vec()),
    ]
}

/// Calls whose arguments decide, in the roles that may make them at all.
const BY_ARGUMENT: [i64; 3] = [libc::SYS_clone, libc::SYS_socket, libc::SYS_socketpair];

#[test]
fn of_all_system_calls_exactly_the_denied_ones_are_denied() {
    for (role, denied) in roles() {
        let program = program(&role).unwrap();
        for number in 0..NUMBERS {
            let expected = match number {
                libc::SYS_clone3 => Verdict::Fails(libc::ENOSYS),
                _ if denied.contains(&number) => Verdict::Fails(libc::EPERM),
                _ if BY_ARGUMENT.contains(&number) => continue,
                _ => Verdict::Allowed,
            };
            // No argument may change that.
            for argument in [0, 1, i32::MAX] {
                let call = Call::new(number, &[argument; 6]);
                assert_eq!(run(&program, call), expected, "{number} in {role:?}");
            }
        }
    }
}

#[test]
fn no_call_of_another_abi_or_architecture_comes_through() {
    for (role, _) in roles() {
        let program = program(&role).unwrap();
        let clone3 = u32::try_from(libc::SYS_clone3).unwrap();
        for number in (0..NUMBERS).map(|number| u32::try_from(number).unwrap()) {
            for number in [number, number | X32_BIT, u32::MAX - number] {
                for architecture in ARCHITECTURES {
                    let call = Call { number, architecture, arguments: [0; 6] };
                    let expected = match number {
                        _ if number >= X32_BIT || number == clone3 => Verdict::Fails(libc::ENOSYS),
                        _ if architecture == OUR_ARCHITECTURE => continue,
                        _ => Verdict::Killed,
                    };
                    let found = run(&program, call);
                    assert_eq!(found, expected, "{number:#x} of {architecture:#x} in {role:?}");
                }
            }
        }
    }
}

#[test]
fn sockets_are_of_the_families_of_the_role_and_clones_are_threads() {
    let network: &[i32] = &[libc::AF_INET, libc::AF_INET6, libc::AF_UNIX];
    for (role, _) in roles() {
        let (kept, pairs): (&[i32], &[i32]) = match role {
            Confinement::Files | Confinement::Sign => (&[], &[]),
            Confinement::Network { .. } => (network, &[libc::AF_UNIX]),
            Confinement::Token { .. } | Confinement::Service { .. } => {
                (&[libc::AF_UNIX], &[libc::AF_UNIX])
            }
        };
        let program = program(&role).unwrap();
        let check = |number, arguments: &[i32], allowed| {
            let expected = if allowed { Verdict::Allowed } else { Verdict::Fails(libc::EPERM) };
            let found = run(&program, Call::new(number, arguments));
            assert_eq!(found, expected, "{number} with {arguments:?} in {role:?}");
        };
        // The kernel knows fewer families, and fewer protocols of netlink.
        for family in 0..256 {
            let stream = [family, libc::SOCK_STREAM, 0];
            let route = family == libc::AF_NETLINK && !kept.is_empty();
            check(libc::SYS_socket, &stream, kept.contains(&family) || route);
            check(libc::SYS_socketpair, &stream, pairs.contains(&family));
        }
        for protocol in 1..256 {
            check(libc::SYS_socket, &[libc::AF_NETLINK, libc::SOCK_RAW, protocol], false);
        }
        let threads = !matches!(role, Confinement::Files | Confinement::Sign);
        for bit in 0..31 {
            let flag = 1 << bit;
            check(libc::SYS_clone, &[flag], threads && flag == libc::CLONE_THREAD);
            check(libc::SYS_clone, &[flag | libc::CLONE_THREAD], threads);
        }
    }
}

#[test]
fn what_must_never_be_possible_is_on_the_lists_of_all_roles() {
    // Said a second time on purpose: the other tests believe the lists.
    let never = [
        ("execve", libc::SYS_execve),
        ("execveat", libc::SYS_execveat),
        ("ptrace", libc::SYS_ptrace),
        ("process_vm_readv", libc::SYS_process_vm_readv),
        ("process_vm_writev", libc::SYS_process_vm_writev),
        ("pidfd_getfd", libc::SYS_pidfd_getfd),
        ("kill", libc::SYS_kill),
        ("mount", libc::SYS_mount),
        ("open_tree", libc::SYS_open_tree),
        ("unshare", libc::SYS_unshare),
        ("setns", libc::SYS_setns),
        ("mknodat", libc::SYS_mknodat),
        ("keyctl", libc::SYS_keyctl),
        ("bpf", libc::SYS_bpf),
        ("io_uring_setup", libc::SYS_io_uring_setup),
        ("userfaultfd", libc::SYS_userfaultfd),
        ("perf_event_open", libc::SYS_perf_event_open),
    ];
    for (role, denied) in roles() {
        let missing: Vec<_> = never.iter().filter(|(_, n)| !denied.contains(n)).collect();
        assert!(missing.is_empty(), "{missing:?} in {role:?}");
    }
}
