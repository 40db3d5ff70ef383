//! Charts of a comparison, and of growth.

use std::path::Path;

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::compare::ShownRow;

const WIDTH: u32 = 960;
const BAR: i32 = 17;
const OURS: RGBColor = RGBColor(0x1f, 0x77, 0xb4);
const PEER: RGBColor = RGBColor(0x9a, 0xa5, 0xb1);
const BOUND: RGBColor = RGBColor(0x2c, 0xa0, 0x2c);
const FONT: &str = "sans-serif";

type Drawn = Result<(), Box<dyn std::error::Error>>;

/// `text` in lines that the width of a page has room for, broken at its spaces.
fn wrapped(text: &str) -> Vec<String> {
    const LETTERS: usize = 130;
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.len() + word.len() < LETTERS => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// A panel of bars for each workload, two beside each other. Bars that are longer than three times ours are cut off there.
pub(crate) fn bars(path: &Path, title: &str, rows: &[ShownRow]) -> Drawn {
    let tallest = |pair: &[ShownRow]| {
        let bars = pair.iter().map(|row| row.entries.len()).max().unwrap_or(0);
        i32::try_from(bars).map_or(0, |bars| bars * BAR + 50)
    };
    let title = wrapped(title);
    let mut top = 22 + 18 * i32::try_from(title.len())?;
    let height: i32 = rows.chunks(2).map(tallest).sum::<i32>() + top;
    let size = (WIDTH, u32::try_from(height)?);
    let area = SVGBackend::new(path, size).into_drawing_area();
    area.fill(&WHITE)?;
    for (line, y) in title.into_iter().zip((10..).step_by(18)) {
        area.draw(&Text::new(line, (12, y), (FONT, 15)))?;
    }
    for pair in rows.chunks(2) {
        for (column, row) in (0..).zip(pair) {
            panel(&area, (12 + column * 480, top), row)?;
        }
        top += tallest(pair);
    }
    area.present()?;
    Ok(())
}

#[expect(clippy::cast_possible_truncation)]
fn panel(
    area: &DrawingArea<SVGBackend<'_>, plotters::coord::Shift>,
    (left, top): (i32, i32),
    row: &ShownRow,
) -> Drawn {
    const NAMES: i32 = 130;
    const ROOM: f64 = 260.0;
    let better = if row.figure.more_is_better() {
        "more is better"
    } else {
        "less is better"
    };
    let title = format!("{}, {} ({better})", row.workload.name, row.figure.unit());
    area.draw(&Text::new(title, (left, top), (FONT, 14)))?;
    let largest = row
        .entries
        .iter()
        .map(|shown| shown.figures.median)
        .fold(0.0, f64::max);
    let ours = row
        .ours_and_best
        .as_ref()
        .map_or(largest, |(ours, _, best)| ours.max(*best));
    let scale = ROOM / largest.min(ours * 3.0).max(f64::MIN_POSITIVE);
    let beside = Pos::new(HPos::Right, VPos::Top);
    for (shown, y) in row.entries.iter().zip((top + 20..).step_by(BAR as usize)) {
        let colour = match shown.engine.as_str() {
            ours if ours.starts_with("asyncio") => OURS,
            "bare" => BOUND,
            _ => PEER,
        };
        let name = if shown.apart.is_some() {
            format!("({})", shown.engine)
        } else {
            shown.engine.clone()
        };
        let style = (FONT, 12).into_text_style(area).pos(beside);
        area.draw(&Text::new(name, (left + NAMES - 6, y), style))?;
        let long = shown.figures.median * scale;
        let end = left + NAMES + long.clamp(1.0, ROOM) as i32;
        area.draw(&Rectangle::new(
            [(left + NAMES, y + 1), (end, y + BAR - 4)],
            colour.filled(),
        ))?;
        let cut = if long > ROOM { " …" } else { "" };
        let figure = row.figure.format(shown.figures.median) + cut;
        area.draw(&Text::new(figure, (end + 5, y), (FONT, 12)))?;
    }
    Ok(())
}

/// A line of a chart.
pub(crate) struct Line<'a> {
    /// In the panel that is called so.
    pub(crate) panel: &'a str,
    /// Or tokio's.
    pub(crate) is_ours: bool,
    /// A figure for each n.
    pub(crate) points: Vec<(f64, f64)>,
}

/// `10 k`, `1 M`.
fn short(number: f64) -> String {
    match number {
        1e6.. => format!("{:.0} M", number / 1e6),
        1e3.. => format!("{:.0} k", number / 1e3),
        _ => format!("{number:.0}"),
    }
}

/// What each costs over n, a panel for each kind, all axes alike and logarithmic: what is linear stays level.
pub(crate) fn growth(path: &Path, title: &str, lines: &[Line<'_>]) -> Drawn {
    const COLUMNS: usize = 3;
    const TALL: usize = 170;
    let points = || lines.iter().flat_map(|line| &line.points);
    let (first, last) = points().fold((1e4, 1e5), |(low, high), (n, _)| (n.min(low), n.max(high)));
    let (low, high) = points().fold((f64::MAX, 1.0_f64), |(low, high), (_, cost)| {
        (low.min(*cost), high.max(*cost))
    });
    let mut panels: Vec<&str> = lines.iter().map(|line| line.panel).collect();
    panels.sort_by_key(|panel| lines.iter().position(|line| line.panel == *panel));
    panels.dedup();
    let rows = panels.len().div_ceil(COLUMNS);
    let size = (WIDTH, u32::try_from(40 + rows * TALL)?);
    let area = SVGBackend::new(path, size).into_drawing_area();
    area.fill(&WHITE)?;
    let legend = "ns of processor time each, over n; blue is asyncio, grey is tokio's LocalRuntime";
    area.draw(&Text::new(title.to_owned(), (12, 6), (FONT, 14)))?;
    area.draw(&Text::new(legend, (12, 22), (FONT, 13)))?;
    let (_, below) = area.split_vertically(40);
    for (panel, area) in panels.iter().zip(below.split_evenly((rows, COLUMNS))) {
        let mut chart = ChartBuilder::on(&area)
            .caption(panel, (FONT, 13))
            .margin(6)
            .margin_right(20)
            .x_label_area_size(18)
            .y_label_area_size(52)
            .build_cartesian_2d(
                (first..last).log_scale(),
                (low / 2.0..high * 2.0).log_scale(),
            )?;
        chart
            .configure_mesh()
            .light_line_style(TRANSPARENT)
            .x_labels(4)
            .y_labels(5)
            .x_label_formatter(&|n| short(*n))
            .y_label_formatter(&|cost| short(*cost))
            .draw()?;
        for line in lines.iter().filter(|line| line.panel == *panel) {
            let colour = if line.is_ours { OURS } else { PEER };
            let points = line.points.iter().copied();
            let drawn = LineSeries::new(points, colour.stroke_width(2)).point_size(3);
            chart.draw_series(drawn)?;
        }
    }
    area.present()?;
    Ok(())
}
