//! `ebb verify`: whether a file that is here is what it should be.
//!
//! Only whoever knows the content can say so. A no stops the job; `ebb resume` fetches the file
//! again.

use ebb_api::properties::FileProperties;

use crate::args::Invocation;
use crate::escape::shown;
use crate::exit::Exit;
use crate::failure::{Failure, cannot};
use crate::{connect, reference};

/// Passes the verdict on.
pub(super) async fn run(call: &Invocation) -> Result<Exit, Failure> {
    let words = call.words()?;
    let [file, verdict] = words.as_slice() else {
        return Err(call.misused("which file, and is it valid?"));
    };
    let valid = match *verdict {
        "valid" => true,
        "invalid" => false,
        _ => return Err(call.misused("it is valid or invalid")),
    };
    let (job, which) = Which::read(file)
        .ok_or_else(|| call.misused("a file is JOB#NUMBER, or JOB:END-OF-ITS-PATH"))?;
    let client = connect::service(call).await?;
    let job = reference::one(&client, call, job).await?;
    let job = client.job(&job.id);
    let index = match which {
        Which::Number(index) => index,
        Which::Path(end) => {
            let files = job.files().await.map_err(cannot("read the files"))?;
            find(&files, end)?
        }
    };
    job.set_validation_state(index, valid).await.map_err(cannot("pass the verdict on"))?;
    Ok(Exit::Success)
}

/// Which file of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Which<'a> {
    Number(u32),
    /// The last parts of its path.
    Path(&'a str),
}

impl<'a> Which<'a> {
    /// Splits `JOB#NUMBER` and `JOB:PATH`.
    fn read(text: &'a str) -> Option<(&'a str, Which<'a>)> {
        if let Some((job, number)) = text.rsplit_once('#')
            && let Ok(number) = number.parse()
        {
            return Some((job, Which::Number(number)));
        }
        // "id:" and "name:" belong to the job.
        let start = ["id:", "name:"].iter().find(|start| text.starts_with(**start));
        let skip = start.map_or(0, |start| start.len());
        let at = skip + text[skip..].find(':')?;
        let end = &text[at + 1..];
        (!end.is_empty()).then_some((&text[..at], Which::Path(end)))
    }
}

fn find(files: &[FileProperties], end: &str) -> Result<u32, Failure> {
    let fits = |file: &&FileProperties| {
        let path = &file.local_name;
        let before = path.len().checked_sub(end.len() + 1).map(|at| path[at]);
        path.ends_with(end.as_bytes()) && (before == Some(b'/') || end.starts_with('/'))
    };
    let mut fitting = files.iter().filter(fits);
    match (fitting.next(), fitting.next()) {
        (Some(file), None) => Ok(file.index),
        (None, _) => Err(Failure::new(Exit::NotFound, format!("no file ends in {:?}", shown(end)))
            .hint("ebb files JOB lists them")),
        (Some(_), Some(_)) => {
            Err(Failure::new(Exit::Ambiguous, format!("several files end in {:?}", shown(end)))
                .hint("say which by its number: JOB#NUMBER; ebb files JOB lists them"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_named_by_its_number_or_the_end_of_its_path() {
        for (text, job, which) in [
            ("3f2a#0", "3f2a", Which::Number(0)),
            ("name:a#b#12", "name:a#b", Which::Number(12)),
            ("id:3f2a:iso/f", "id:3f2a", Which::Path("iso/f")),
            ("name:n:/srv/f", "name:n", Which::Path("/srv/f")),
            ("night#ly:f", "night#ly", Which::Path("f")),
        ] {
            assert_eq!(Which::read(text), Some((job, which)), "{text}");
        }
        for text in ["3f2a", "name:n", "3f2a:", "3f2a#x"] {
            assert_eq!(Which::read(text), None, "{text}");
        }
    }
}
