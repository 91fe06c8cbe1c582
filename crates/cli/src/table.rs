//! Tables for people: columns that line up, and a name shortened before a number.
//!
//! Answers one question: *how wide may each column be, so that a line fits the terminal?* It knows
//! nothing of jobs, and is never used for scripts.

/// Lines up rows under a heading. Where a width is given, the widest of `flexible` columns gives
/// way until a row fits.
#[must_use]
pub(crate) fn aligned(
    heading: Option<&[&str]>,
    rows: &[Vec<String>],
    flexible: &[usize],
    width: Option<usize>,
) -> String {
    let heading = heading.map(|names| names.iter().map(|name| (*name).to_owned()).collect());
    let all: Vec<&Vec<String>> = heading.iter().chain(rows).collect();
    let widths = fit(natural_widths(&all), flexible, width);
    let lines: Vec<String> = all.into_iter().map(|row| line(row, &widths)).collect();
    lines.join("\n")
}

fn natural_widths(rows: &[&Vec<String>]) -> Vec<usize> {
    let columns = rows.iter().map(|row| row.len()).max().unwrap_or(0);
    let cells = |column: usize| rows.iter().filter_map(move |row| row.get::<usize>(column));
    let widest = |column| cells(column).map(|cell| length(cell)).max();
    (0..columns).map(|column| widest(column).unwrap_or(0)).collect()
}

fn fit(mut widths: Vec<usize>, flexible: &[usize], width: Option<usize>) -> Vec<usize> {
    const LEAST: usize = 8;
    let Some(width) = width else { return widths };
    loop {
        let total = widths.iter().sum::<usize>() + 2 * widths.len().saturating_sub(1);
        let widest = flexible.iter().copied().max_by_key(|column| widths.get(*column));
        match widest.and_then(|column| widths.get_mut(column)) {
            Some(column) if total > width && *column > LEAST => *column -= 1,
            _ => return widths,
        }
    }
}

fn line(row: &[String], widths: &[usize]) -> String {
    let cells: Vec<String> =
        row.iter().zip(widths).map(|(cell, width)| padded(cell, *width)).collect();
    cells.join("  ").trim_end().to_owned()
}

fn padded(cell: &str, width: usize) -> String {
    match length(cell) > width {
        true => cell.chars().take(width.saturating_sub(1)).chain(['…']).collect(),
        false => format!("{cell:<width$}"),
    }
}

/// Every letter counts as one place; wide ones only make a line longer.
fn length(text: &str) -> usize {
    text.chars().count()
}

/// The width of the terminal standard output is, if it is one.
#[must_use]
pub(crate) fn terminal_width() -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(std::io::stdout()).ok()?;
    Some(usize::from(size.ws_col)).filter(|columns| *columns > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Vec<Vec<String>> {
        vec![
            vec!["3f2ac1d0".into(), "a very long name indeed".into(), "11%".into()],
            vec!["91be0077".into(), "b".into(), "".into()],
        ]
    }

    #[test]
    fn columns_line_up_and_lines_end_without_blanks() {
        let table = aligned(Some(&["ID", "NAME", "DONE"]), &rows(), &[1], None);
        assert_eq!(table.lines().nth(1), Some("3f2ac1d0  a very long name indeed  11%"));
        assert_eq!(table.lines().nth(2), Some("91be0077  b"));
    }

    #[test]
    fn a_name_gives_way_before_a_number() {
        let table = aligned(None, &rows(), &[1], Some(25));
        assert_eq!(table.lines().next(), Some("3f2ac1d0  a very lo…  11%"));
        let narrow = aligned(None, &rows(), &[1], Some(3));
        assert_eq!(narrow.lines().next(), Some("3f2ac1d0  a very …  11%"));
    }
}
