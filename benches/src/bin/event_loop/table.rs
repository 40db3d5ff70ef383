//! How a comparison is shown: on the terminal, and as Markdown.

use std::fmt::Write as _;

use benches::report::Figures;

use crate::compare::{Shown, ShownRow};
use crate::workloads::Figure;

impl Figure {
    /// What is counted.
    pub(crate) fn unit(self) -> &'static str {
        match self {
            Figure::Nanos => "ns an operation",
            Figure::Rate => "k round trips a second",
            Figure::Processor => "s of processor time",
            Figure::Bytes => "bytes, resident",
            Figure::Instructions => "instructions an operation",
        }
    }

    /// What else is counted.
    fn other(self) -> Option<&'static str> {
        match self {
            Figure::Processor => Some("MB resident"),
            Figure::Bytes => Some("bytes of the heap"),
            _ => None,
        }
    }

    /// As it is written down.
    pub(crate) fn format(self, figure: f64) -> String {
        match self {
            Figure::Rate => format!("{:.0}", figure / 1e3),
            Figure::Processor => format!("{figure:.3}"),
            _ if figure < 9.95 => format!("{figure:.1}"),
            _ => format!("{figure:.0}"),
        }
    }

    /// Whether the larger one is the better.
    pub(crate) fn more_is_better(self) -> bool {
        self == Figure::Rate
    }

    fn range(self, figures: Figures) -> String {
        format!(
            "{} – {}",
            self.format(figures.min),
            self.format(figures.max)
        )
    }
}

impl ShownRow {
    /// Of the best peer's figure.
    fn ratio(&self, shown: &Shown) -> Option<f64> {
        let (_, _, best) = self.ours_and_best.as_ref()?;
        Some(shown.figures.median / best)
    }

    fn of(&self, engines: &[&str]) -> Option<&Shown> {
        let of = self
            .entries
            .iter()
            .filter(|shown| engines.contains(&shown.engine.as_str()));
        of.min_by(|a, b| {
            let order = a.figures.median.total_cmp(&b.figures.median);
            if self.figure.more_is_better() {
                order.reverse()
            } else {
                order
            }
        })
    }
}

/// Everything, for the terminal.
pub(crate) fn terminal(rows: &[ShownRow]) -> String {
    let mut out = String::new();
    for row in rows {
        let (what, unit) = (row.workload.what, row.figure.unit());
        writeln!(out, "{}: {what}; {unit}", row.workload.name).expect("a string");
        for shown in &row.entries {
            let figures = shown.figures;
            let ratio = row
                .ratio(shown)
                .map_or(String::new(), |ratio| format!("{ratio:.2}"));
            let second = shown
                .second
                .zip(row.figure.other())
                .map_or(String::new(), |(second, unit)| {
                    format!("   {second:.0} {unit}")
                });
            let apart = if shown.apart.is_some() {
                "   (does not do the same)"
            } else {
                ""
            };
            writeln!(
                out,
                "  {:<20} {:>9}   {:>19}   × {ratio}{second}{apart}",
                shown.engine,
                row.figure.format(figures.median),
                row.figure.range(figures),
            )
            .expect("a string");
        }
    }
    out
}

/// Everything, for a page.
pub(crate) fn full(rows: &[ShownRow]) -> String {
    let mut out = String::new();
    let mut notes: Vec<&str> = Vec::new();
    for row in rows {
        let other = row.figure.other();
        let (name, what, unit) = (row.workload.name, row.workload.what, row.figure.unit());
        writeln!(out, "**{name}**: {what}\n").expect("a string");
        let (head, rule) = other.map_or((String::new(), ""), |other| {
            (format!(" {other} |"), "---:|")
        });
        writeln!(
            out,
            "| | {unit} | smallest – largest | of the best peer |{head}"
        )
        .expect("a string");
        writeln!(out, "|---|---:|---:|---:|{rule}").expect("a string");
        for shown in &row.entries {
            let mark = shown.apart.map_or(String::new(), |why| {
                let known = notes.iter().position(|note| *note == why);
                let at = known.unwrap_or_else(|| {
                    notes.push(why);
                    notes.len() - 1
                });
                format!(" ({})", at + 1)
            });
            let second = match (other, shown.second) {
                (None, _) => String::new(),
                (Some(_), None) => " |".to_owned(),
                (Some(_), Some(second)) => format!(" {second:.0} |"),
            };
            writeln!(
                out,
                "| {}{mark} | {} | {} | {} |{second}",
                shown.engine,
                row.figure.format(shown.figures.median),
                row.figure.range(shown.figures),
                row.ratio(shown)
                    .map_or(String::new(), |ratio| format!("{ratio:.2}")),
            )
            .expect("a string");
        }
        out.push('\n');
    }
    for (at, note) in notes.iter().enumerate() {
        writeln!(out, "({}) {note}; not counted as a peer.\n", at + 1).expect("a string");
    }
    out
}

/// One line a workload, for a page.
pub(crate) fn summary(rows: &[ShownRow]) -> String {
    let mut out = String::from(
        "| | | asyncio | best peer | ours / best | tokio | CPython | uvloop | bound |\n|---|---|---:|---:|---:|---:|---:|---:|---:|\n",
    );
    for row in rows {
        let of = |engines: &[&str]| {
            row.of(engines).map_or("–".to_owned(), |shown| {
                let figure = row.figure.format(shown.figures.median);
                let second = shown.second.filter(|_| row.figure == Figure::Processor);
                second.map_or(figure.clone(), |second| format!("{figure} / {second:.0}"))
            })
        };
        let (best, ratio) = row.ours_and_best.as_ref().map_or(
            ("–".to_owned(), "–".to_owned()),
            |(ours, engine, best)| {
                (
                    format!("{engine} {}", row.figure.format(*best)),
                    format!("{:.2}", ours / best),
                )
            },
        );
        let unit = match (row.figure, row.figure.other()) {
            (Figure::Processor, Some(other)) => format!("{} / {other}", row.figure.unit()),
            (figure, _) => figure.unit().to_owned(),
        };
        writeln!(
            out,
            "| {} | {unit} | {} | {best} | {ratio} | {} | {} | {} | {} |",
            row.workload.name,
            of(&["asyncio"]),
            of(&["tokio", "tokio LocalSet", "tokio LocalRuntime"]),
            of(&["CPython asyncio"]),
            of(&["uvloop"]),
            of(&["bare"]),
        )
        .expect("a string");
    }
    out
}
