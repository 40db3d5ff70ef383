//! Two traces, side by side.

use std::fmt::Write;

/// Where two traces part, if they do.
pub fn first_difference(left: &[String], right: &[String]) -> Option<usize> {
    let common = left
        .iter()
        .zip(right)
        .take_while(|(left, right)| left == right)
        .count();
    (common < left.len().max(right.len())).then_some(common)
}

/// The two traces in columns, with a mark where they differ.
///
/// A line is `iteration, time in ticks, who, what`.
pub fn side_by_side(
    left_title: &str,
    left: &[String],
    right_title: &str,
    right: &[String],
) -> String {
    let width = left
        .iter()
        .map(String::len)
        .chain([left_title.len()])
        .max()
        .unwrap_or(0);
    let mut text = format!("  {left_title:width$}  | {right_title}\n");
    for line in 0..left.len().max(right.len()) {
        let at = |trace: &[String]| trace.get(line).cloned().unwrap_or_default();
        let (left, right) = (at(left), at(right));
        let mark = if left == right { ' ' } else { '*' };
        let _ = writeln!(text, "{mark} {left:width$}  | {right}");
    }
    text
}
