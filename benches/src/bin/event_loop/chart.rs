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

/// A panel of bars for each workload, two beside each other. Bars that are longer than three times ours are cut off there.
pub(crate) fn bars(path: &Path, title: &str, rows: &[ShownRow]) -> Drawn {
    let tallest = |pair: &[ShownRow]| {
        let bars = pair.iter().map(|row| row.entries.len()).max().unwrap_or(0);
        i32::try_from(bars).map_or(0, |bars| bars * BAR + 50)
    };
    let height: i32 = rows.chunks(2).map(tallest).sum::<i32>() + 40;
    let size = (WIDTH, u32::try_from(height)?);
    let area = SVGBackend::new(path, size).into_drawing_area();
    area.fill(&WHITE)?;
    area.draw(&Text::new(title.to_owned(), (12, 10), (FONT, 15)))?;
    let mut top = 40;
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

/// A line of a chart: its name, and a figure for each n.
pub(crate) type Line<'a> = (&'a str, Vec<(f64, f64)>);

/// Costs over n, both axes logarithmic.
pub(crate) fn growth(path: &Path, title: &str, unit: &str, lines: &[Line<'_>]) -> Drawn {
    let points = || lines.iter().flat_map(|(_, points)| points);
    let (first, last) = points().fold((f64::MAX, 1.0_f64), |(low, high), (n, _)| {
        (low.min(*n), high.max(*n))
    });
    let (low, high) = points().fold((f64::MAX, 1.0_f64), |(low, high), (_, cost)| {
        (low.min(*cost), high.max(*cost))
    });
    let area = SVGBackend::new(path, (WIDTH, 520)).into_drawing_area();
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&area)
        .caption(title, (FONT, 15))
        .margin(12)
        .x_label_area_size(40)
        .y_label_area_size(60)
        .build_cartesian_2d(
            (first..last).log_scale(),
            (low / 2.0..high * 2.0).log_scale(),
        )?;
    chart
        .configure_mesh()
        .x_desc("n")
        .y_desc(unit)
        .x_label_formatter(&|n| format!("{n:.0}"))
        .y_label_formatter(&|cost| format!("{cost:.0}"))
        .draw()?;
    for (at, (name, points)) in lines.iter().enumerate() {
        let colour = Palette99::pick(at).to_rgba();
        chart
            .draw_series(
                LineSeries::new(points.iter().copied(), colour.stroke_width(2)).point_size(3),
            )?
            .label(*name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2)));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE.mix(0.8))
        .label_font((FONT, 12))
        .draw()?;
    area.present()?;
    Ok(())
}
