//! Requests that came in one datagram.

use super::*;
use crate::serve;
use ebb_wire::files::{FromFiles, ToFiles};

fn rename_to(ground: &Ground, seq: u64, temporary: &Temporary, name: &[u8]) -> ToFiles {
    ToFiles::Rename {
        seq,
        place: ground.place(),
        temporary: temporary.clone(),
        name: name.to_vec(),
        replace: seq.is_multiple_of(2),
        look: Look { modified: Some(86_400), ..Look::default() },
    }
}

fn answers(requests: Vec<ToFiles>) -> Vec<FromFiles> {
    let requests = requests.into_iter().map(|request| (request, None)).collect();
    serve::answers(requests).into_iter().map(|(answer, _)| answer).collect()
}

#[test]
fn every_request_of_a_datagram_is_answered_in_its_place() {
    let ground = Ground::new();
    let (dir, name) = (ground.place().dir, b"x".to_vec());
    let made = ground.temporary();
    let create = |seq, name: &[u8]| ToFiles::Create {
        seq,
        place: ground.place(),
        name: name.to_vec(),
        mark: mark(),
    };
    let inspect =
        |seq, name: &[u8]| ToFiles::Inspect { seq, dir: dir.clone(), name: name.to_vec() };
    let answers = answers(vec![
        inspect(1, b"x"),
        create(2, b"x"),
        rename_to(&ground, 3, &made, b"y"),
        inspect(4, b"a/b"),
        create(5, b""),
        create(6, b"z"),
        ToFiles::Delete { seq: 7, place: ground.place(), temporary: made.clone() },
    ]);
    let Place { dev, ino, .. } = ground.place();
    assert_eq!(answers[0], FromFiles::Inspected { seq: 1, dev, ino });
    assert!(matches!(&answers[1], FromFiles::Opened { seq: 2, length: 0, .. }));
    assert_eq!(answers[2], FromFiles::Done { seq: 3 });
    assert!(matches!(answers[3], FromFiles::Failed { seq: 4, .. }));
    assert!(matches!(answers[4], FromFiles::Failed { seq: 5, .. }));
    assert!(matches!(&answers[5], FromFiles::Opened { seq: 6, .. }));
    assert_eq!(answers[6], FromFiles::Done { seq: 7 });
    assert_eq!(fs::read(ground.at("y")).unwrap(), b"la la");
    assert!(!ground.at(&String::from_utf8(name).unwrap()).exists());
}

#[test]
fn a_directory_is_known_only_by_the_path_and_inode_that_were_said() {
    let (ground, other) = (Ground::new(), Ground::new());
    let sub = ground.at("sub");
    fs::create_dir(&sub).unwrap();
    let wrong = Place { ino: place_of(&sub).ino, ..ground.place() };
    let create = |seq, place: &Place| ToFiles::Create {
        seq,
        place: place.clone(),
        name: b"x".to_vec(),
        mark: mark(),
    };
    let answers = answers(vec![
        create(1, &ground.place()),
        create(2, &wrong),
        create(3, &other.place()),
        create(4, &ground.place()),
    ]);
    assert_eq!(answers[1], FromFiles::Failed { seq: 2, trouble: FileTrouble::DirectoryChanged });
    let files = |ground: &Ground| {
        let found =
            fs::read_dir(&ground.0).unwrap().map(|entry| entry.unwrap().file_type().unwrap());
        found.filter(fs::FileType::is_file).count()
    };
    assert_eq!((files(&ground), files(&other)), (2, 1));
}

#[test]
fn files_renamed_together_are_each_for_themselves() {
    let (ground, other) = (Ground::new(), Ground::new());
    let made: Vec<Temporary> = (0..4).map(|_| ground.temporary()).collect();
    let elsewhere = other.temporary();
    fs::remove_file(ground.path_of(&made[1])).unwrap();
    fs::write(ground.at("old"), "old").unwrap();
    let answers = answers(vec![
        rename_to(&ground, 0, &made[0], b"0"),
        rename_to(&ground, 1, &made[1], b"1"),
        rename_to(&other, 2, &elsewhere, b"2"),
        // Is not to replace what is there.
        rename_to(&ground, 3, &made[2], b"old"),
        rename_to(&ground, 4, &made[3], b"old"),
        rename_to(&ground, 5, &made[0], b"0"),
    ]);
    let gone = FileTrouble::TemporaryGone;
    assert_eq!(
        answers,
        [
            FromFiles::Done { seq: 0 },
            FromFiles::Failed { seq: 1, trouble: gone },
            FromFiles::Done { seq: 2 },
            FromFiles::Failed { seq: 3, trouble: FileTrouble::Exists },
            FromFiles::Done { seq: 4 },
            // Looked at before it had its name, and not found under the old one afterwards.
            FromFiles::Failed { seq: 5, trouble: gone },
        ]
    );
    for path in [ground.at("0"), other.at("2"), ground.at("old")] {
        let stat = fs::metadata(&path).unwrap();
        assert_eq!((stat.mode() & 0o7777, stat.mtime(), stat.len()), (0o644, 86_400, 5));
    }
}

#[test]
fn of_two_files_for_one_name_the_last_one_stays_and_both_are_done() {
    let ground = Ground::new();
    let (first, last) = (ground.temporary(), ground.temporary());
    let answers =
        answers(vec![rename_to(&ground, 2, &first, b"x"), rename_to(&ground, 4, &last, b"x")]);
    assert_eq!(answers, [FromFiles::Done { seq: 2 }, FromFiles::Done { seq: 4 }]);
    assert_eq!(fs::metadata(ground.at("x")).unwrap().ino(), last.ino);
}
