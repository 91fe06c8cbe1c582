//! A file's columns.
//!
//! The bytes of paths and validators are kept as bytes, because Linux and HTTP give no promise that
//! they are text.

use ebb_core::digest::{Digest, Hashed};
use ebb_core::file::{Destination, File, OnDemand, Progress, Temporary, Validators, Wanted};
use ebb_core::ranges::{self, Part, Range};
use rusqlite::types::Value;

use crate::StoreError;
use crate::cells::{Cell, Cells, Reader, Table};

pub(crate) static FILE: Table = Table {
    name: "file",
    key: &["job", "idx"],
    columns: &[
        "url",
        "dir",
        "name",
        "dir_dev",
        "dir_ino",
        "replace_existing",
        "ranges",
        "in_order",
        "filled",
        "requested",
        "position",
        "digest",
        "temp_name",
        "temp_dev",
        "temp_ino",
        "temp_made_by",
        "in_place",
        "spare_name",
        "spare_dev",
        "spare_ino",
        "spare_made_by",
        "durable",
        "furthest",
        "hashed_at",
        "hashed",
        "etag",
        "last_modified",
        "last_modified_strong",
        "total",
        "repr_digest",
        "progress",
        "final_url",
        "http_status",
        "modified",
        "told_size",
        "valid",
        "headers",
    ],
};

/// The cells of a file.
pub(crate) fn cells(file: &File) -> Vec<Value> {
    let File {
        url,
        destination,
        replace,
        wanted,
        digest,
        temporary,
        in_place,
        spare,
        durable,
        furthest,
        hashed,
        validators,
        progress,
        final_url,
        http_status,
        modified,
        told_size,
        valid,
        headers,
    } = file;
    let mut cells = Cells::default();
    cells
        .put(url.clone())
        .put(destination.dir.clone())
        .put(destination.name.clone())
        .put(destination.dev)
        .put(destination.ino)
        .put(*replace)
        .put_option(given(wanted))
        .put(*wanted == Wanted::InOrder)
        .put_option(order(wanted).map(|order| list(order.filled.iter())))
        .put_option(order(wanted).map(|order| list(order.requested.iter())))
        .put_option(order(wanted).map(|order| order.position))
        .put_option(digest.as_ref().map(ToString::to_string))
        .put_option(temporary.as_ref().map(|t| t.name.clone()))
        .put_option(temporary.as_ref().map(|t| t.dev))
        .put_option(temporary.as_ref().map(|t| t.ino))
        .put_option(temporary.as_ref().map(|t| t.made_by))
        .put(*in_place)
        .put_option(spare.as_ref().map(|t| t.name.clone()))
        .put_option(spare.as_ref().map(|t| t.dev))
        .put_option(spare.as_ref().map(|t| t.ino))
        .put_option(spare.as_ref().map(|t| t.made_by))
        .put(*durable)
        .put(*furthest)
        .put_option(hashed.as_ref().map(|hashed| hashed.at))
        .put_option(hashed.as_ref().map(|hashed| hashed.state.clone()))
        .put_option(validators.etag.clone())
        .put_option(validators.last_modified.clone())
        .put(validators.last_modified_strong)
        .put_option(validators.total)
        .put_option(validators.digest.as_ref().map(ToString::to_string))
        .put(*progress)
        .put_option(final_url.clone())
        .put_option(*http_status)
        .put_option(*modified)
        .put_option(*told_size)
        .put(*valid)
        .put_option(lines(headers));
    cells.into_values()
}

/// Takes a file.
pub(crate) fn take(cells: &mut Reader<'_>) -> Result<File, StoreError> {
    Ok(File {
        url: cells.take()?,
        destination: Destination {
            dir: cells.take()?,
            name: cells.take()?,
            dev: cells.take()?,
            ino: cells.take()?,
        },
        replace: cells.take()?,
        wanted: wanted(cells)?,
        digest: digest(cells)?,
        temporary: temporary(cells)?,
        in_place: cells.take()?,
        spare: temporary(cells)?,
        durable: cells.take()?,
        furthest: cells.take()?,
        hashed: hashed(cells)?,
        validators: Validators {
            etag: cells.take_option()?,
            last_modified: cells.take_option()?,
            last_modified_strong: cells.take()?,
            total: cells.take_option()?,
            digest: digest(cells)?,
        },
        progress: cells.take()?,
        final_url: cells.take_option()?,
        http_status: cells.take_option()?,
        modified: cells.take_option()?,
        told_size: cells.take_option()?,
        valid: cells.take()?,
        headers: headers(cells)?,
    })
}

fn given(wanted: &Wanted) -> Option<String> {
    match wanted {
        Wanted::Given(parts) => Some(list(parts.iter())),
        Wanted::Whole | Wanted::OnDemand(_) | Wanted::InOrder => None,
    }
}

fn order(wanted: &Wanted) -> Option<&OnDemand> {
    match wanted {
        Wanted::OnDemand(order) => Some(order),
        Wanted::Whole | Wanted::Given(_) | Wanted::InOrder => None,
    }
}

/// As [`ranges::read`] takes them; an empty text for none.
fn list(ranges: impl Iterator<Item = impl ToString>) -> String {
    ranges.map(|range| range.to_string()).collect::<Vec<_>>().join(",")
}

fn wanted(cells: &mut Reader<'_>) -> Result<Wanted, StoreError> {
    let given = cells.take_option::<String>()?.map(|text| parts(cells, &text)).transpose()?;
    let in_order = cells.take()?;
    let filled = cells.take_option::<String>()?.map(|text| some(cells, &text)).transpose()?;
    let requested = cells.take_option::<String>()?.map(|text| some(cells, &text)).transpose()?;
    let position = cells.take_option()?;
    match (given, in_order, filled, requested, position) {
        (None, false, None, None, None) => Ok(Wanted::Whole),
        (None, true, None, None, None) => Ok(Wanted::InOrder),
        (Some(given), false, None, None, None) => Ok(Wanted::Given(given)),
        (None, false, Some(filled), Some(requested), Some(position)) => {
            let filled = filled.into_iter().collect();
            Ok(Wanted::OnDemand(Box::new(OnDemand { filled, requested, position })))
        }
        _ => Err(cells.nonsense("what is wanted of the file contradicts itself")),
    }
}

fn digest(cells: &mut Reader<'_>) -> Result<Option<Box<Digest>>, StoreError> {
    let Some(text) = cells.take_option::<String>()? else {
        return Ok(None);
    };
    let digest = Digest::parse(&text).ok_or_else(|| cells.nonsense("not a digest"))?;
    Ok(Some(Box::new(digest)))
}

fn hashed(cells: &mut Reader<'_>) -> Result<Option<Hashed>, StoreError> {
    match (cells.take_option()?, cells.take_option()?) {
        (Some(at), Some(state)) => Ok(Some(Hashed { at, state })),
        (None, None) => Ok(None),
        _ => Err(cells.nonsense("only a part of what is hashed is there")),
    }
}

fn parts(cells: &Reader<'_>, text: &str) -> Result<Vec<Part>, StoreError> {
    ranges::read(text).map_err(|_| cells.nonsense("not a list of ranges"))
}

/// Ranges, of which there may be none.
fn some(cells: &Reader<'_>, text: &str) -> Result<Vec<Range>, StoreError> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let parts = parts(cells, text)?;
    Ok(parts.into_iter().filter_map(|part| part.range(None)).collect())
}

/// Fields have no line ends: the network agent's words are printable.
fn lines(headers: &[(String, String)]) -> Option<String> {
    let lines = headers.iter().map(|(name, value)| format!("{name}:{value}"));
    (!headers.is_empty()).then(|| lines.collect::<Vec<_>>().join("\n"))
}

fn headers(cells: &mut Reader<'_>) -> Result<Vec<(String, String)>, StoreError> {
    let Some(text) = cells.take_option::<String>()? else {
        return Ok(Vec::new());
    };
    let field = |line: &str| {
        let (name, value) = line.split_once(':')?;
        Some((name.to_owned(), value.to_owned()))
    };
    let fields: Option<Vec<_>> = text.split('\n').map(field).collect();
    fields.ok_or_else(|| cells.nonsense("not the fields of an answer"))
}

fn temporary(cells: &mut Reader<'_>) -> Result<Option<Temporary>, StoreError> {
    let name = cells.take_option()?;
    let dev = cells.take_option()?;
    let ino = cells.take_option()?;
    let made_by = cells.take_option()?;
    match (name, dev, ino, made_by) {
        (Some(name), Some(dev), Some(ino), Some(made_by)) => {
            Ok(Some(Temporary { name, dev, ino, made_by }))
        }
        (None, None, None, None) => Ok(None),
        _ => Err(cells.nonsense("only a part of the temporary file is there")),
    }
}

impl Cell for Progress {
    type Stored = String;

    fn store(self) -> String {
        let name = match self {
            Self::Unfinished => "unfinished",
            Self::Transferred => "transferred",
            Self::Completed => "completed",
            Self::Dropped => "dropped",
        };
        name.to_owned()
    }

    fn restore(stored: String) -> Option<Self> {
        match stored.as_str() {
            "unfinished" => Some(Self::Unfinished),
            "transferred" => Some(Self::Transferred),
            "completed" => Some(Self::Completed),
            "dropped" => Some(Self::Dropped),
            _ => None,
        }
    }
}
