//! A small chart: cost against size, both on logarithmic axes.

use std::fmt::Write as _;

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 440.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 130.0;
const TOP: f64 = 40.0;
const BOTTOM: f64 = 50.0;
const COLOURS: [&str; 6] = [
    "#c4161c", "#8a8a8a", "#1f5fa8", "#2f8f3f", "#b07a00", "#7a3fa0",
];

/// One line of a chart.
pub(super) struct Line {
    /// What it shows.
    pub(super) name: String,
    /// Its points: both coordinates above 0.
    pub(super) points: Vec<(f64, f64)>,
}

/// A chart with a title, the names of both axes, and lines. Empty if there is nothing to show.
pub(super) fn chart(title: &str, x_name: &str, y_name: &str, lines: &[Line]) -> String {
    let all = lines.iter().flat_map(|line| &line.points);
    let all: Vec<(f64, f64)> = all.copied().collect();
    if all.is_empty() {
        return String::new();
    }
    let x = Axis::over(all.iter().map(|point| point.0), LEFT, WIDTH - RIGHT, false);
    let y = Axis::over(all.iter().map(|point| point.1), HEIGHT - BOTTOM, TOP, true);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"white\"/>\n\
         <text x=\"{LEFT}\" y=\"22\" font-size=\"15\">{title}</text>\n\
         <text x=\"{}\" y=\"{}\" text-anchor=\"middle\">{x_name}</text>\n\
         <text transform=\"translate(16 {}) rotate(-90)\" text-anchor=\"middle\">{y_name}</text>\n",
        (LEFT + WIDTH - RIGHT) / 2.0,
        HEIGHT - 12.0,
        (TOP + HEIGHT - BOTTOM) / 2.0,
    );
    for (value, at) in y.decades() {
        let _ = writeln!(
            svg,
            "<line x1=\"{LEFT}\" x2=\"{}\" y1=\"{at:.1}\" y2=\"{at:.1}\" stroke=\"#dddddd\"/>\
             <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{value}</text>",
            WIDTH - RIGHT,
            LEFT - 6.0,
            at + 4.0,
        );
    }
    let mut sizes: Vec<f64> = all.iter().map(|point| point.0).collect();
    sizes.sort_by(f64::total_cmp);
    sizes.dedup();
    for size in sizes {
        let at = x.place(size);
        let _ = writeln!(
            svg,
            "<text x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{size}</text>",
            HEIGHT - BOTTOM + 18.0
        );
    }
    for (index, line) in lines.iter().enumerate() {
        draw(
            &mut svg,
            line,
            COLOURS[index % COLOURS.len()],
            index,
            &x,
            &y,
        );
    }
    svg.push_str("</svg>\n");
    svg
}

fn draw(svg: &mut String, line: &Line, colour: &str, index: usize, x: &Axis, y: &Axis) {
    let places = line.points.iter().map(|(a, b)| (x.place(*a), y.place(*b)));
    let places: Vec<(f64, f64)> = places.collect();
    let corners: Vec<String> = places
        .iter()
        .map(|(a, b)| format!("{a:.1},{b:.1}"))
        .collect();
    let _ = writeln!(
        svg,
        "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>",
        corners.join(" ")
    );
    for (a, b) in places {
        let _ = writeln!(
            svg,
            "<circle cx=\"{a:.1}\" cy=\"{b:.1}\" r=\"3\" fill=\"{colour}\"/>"
        );
    }
    let (left, height) = (WIDTH - RIGHT + 16.0, TOP + 20.0 * index as f64);
    let _ = writeln!(
        svg,
        "<rect x=\"{left}\" y=\"{height}\" width=\"12\" height=\"12\" fill=\"{colour}\"/>\
         <text x=\"{}\" y=\"{}\">{}</text>",
        left + 18.0,
        height + 11.0,
        line.name
    );
}

/// A logarithmic axis from one place to another.
struct Axis {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
}

impl Axis {
    fn over(values: impl Iterator<Item = f64>, from: f64, to: f64, whole: bool) -> Axis {
        let (low, high) = values.fold((f64::MAX, f64::MIN), |(low, high), value| {
            (low.min(value.log10()), high.max(value.log10()))
        });
        let (low, high) = match whole {
            true => (low.floor(), high.ceil()),
            false => (low, high),
        };
        // One size alone stands in the middle.
        let (low, high) = if high - low < 1e-9 {
            (low - 0.5, high + 0.5)
        } else {
            (low, high)
        };
        Axis {
            low,
            high,
            from,
            to,
        }
    }

    fn place(&self, value: f64) -> f64 {
        self.from + (value.log10() - self.low) / (self.high - self.low) * (self.to - self.from)
    }

    fn decades(&self) -> Vec<(f64, f64)> {
        let range = self.low.ceil() as i32..=self.high.floor() as i32;
        let decade = |power: i32| (10f64.powi(power), self.place(10f64.powi(power)));
        range.map(decade).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_lie_within_the_frame() {
        let line = Line {
            name: "one".into(),
            points: vec![(100.0, 0.02), (5000.0, 95.0)],
        };
        let svg = chart("title", "size", "cost", &[line]);
        assert!(svg.contains("points=\"70.0,"), "{svg}");
        assert!(svg.contains(">0.01<") && svg.contains(">100<") && svg.ends_with("</svg>\n"));
    }

    #[test]
    fn nothing_is_no_chart() {
        assert_eq!(chart("title", "size", "cost", &[]), "");
    }
}
