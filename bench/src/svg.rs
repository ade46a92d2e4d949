//! The rows as a picture: how many times as good as its goal each is.

use std::fmt::Write as _;

use crate::report::{Report, Row, figure};

const LINE: usize = 34;
const TOP: usize = 54;
const LEFT: f64 = 370.0;
const WIDTH: f64 = 360.0;
/// The picture ends at eight times the goal and at an eighth of it.
const ENDS: f64 = 3.0;

/// A bar for each row, on a scale of doublings, from the goal in the middle to the right where it is
/// met and to the left where it is missed.
pub(crate) fn chart(report: &Report) -> String {
    let height = TOP + LINE * report.rows.len() + 34;
    let middle = LEFT + WIDTH / 2.0;
    let bottom = height - 30;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 900 {height}\" role=\"img\" \
         font-family=\"system-ui, sans-serif\" font-size=\"12\">\n\
         <title>Runstate beside its goals</title>\n\
         <style>\n\
         .back {{ fill: #ffffff }} text {{ fill: #1f2328 }} .dim {{ fill: #59636e }}\n\
         .met {{ fill: #1a7f37 }} .missed {{ fill: #cf222e }} line {{ stroke: #d1d9e0 }} \
         .goal {{ stroke: #1f2328 }}\n\
         @media (prefers-color-scheme: dark) {{\n\
         .back {{ fill: #0d1117 }} text {{ fill: #f0f6fc }} .dim {{ fill: #9198a1 }}\n\
         .met {{ fill: #3fb950 }} .missed {{ fill: #f85149 }} line {{ stroke: #3d444d }} \
         .goal {{ stroke: #f0f6fc }}\n\
         }}\n\
         </style>\n\
         <rect class=\"back\" width=\"900\" height=\"{height}\"/>\n\
         <text x=\"16\" y=\"26\" font-size=\"15\" font-weight=\"600\">Runstate beside its goals</text>\n"
    );
    // Writing to a string does not fail.
    for doublings in [-3, -2, -1, 0, 1, 2, 3] {
        let x = middle + f64::from(doublings) * WIDTH / 2.0 / ENDS;
        let (class, label) = match doublings {
            0 => (" class=\"goal\"", "goal".to_owned()),
            ..0 => ("", format!("1/{}", 1 << -doublings)),
            _ => ("", format!("{}×", 1 << doublings)),
        };
        let _ = writeln!(
            svg,
            "<line{class} x1=\"{x:.1}\" y1=\"44\" x2=\"{x:.1}\" y2=\"{bottom}\"/>\
             <text class=\"dim\" x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{label}</text>",
            height - 12,
        );
    }
    for (number, row) in report.rows.iter().enumerate() {
        bar(&mut svg, row, TOP + LINE * number, middle);
    }
    svg.push_str("</svg>\n");
    svg
}

fn bar(svg: &mut String, row: &Row, y: usize, middle: f64) {
    let right = LEFT + WIDTH + 16.0;
    let name = escape(&shortened(row.measure, 48));
    let _ = writeln!(
        svg,
        "<text x=\"16\" y=\"{}\"><title>{}</title>{name}</text>",
        y + 19,
        escape(row.measure),
    );
    let text = match row.score() {
        Some(score) => {
            let doublings = score.log2().clamp(-ENDS, ENDS);
            let length = (doublings.abs() * WIDTH / 2.0 / ENDS).max(1.5);
            let x = if doublings < 0.0 {
                middle - length
            } else {
                middle
            };
            let class = if row.met() { "met" } else { "missed" };
            let _ = writeln!(
                svg,
                "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{}\" width=\"{length:.1}\" height=\"16\" rx=\"2\"/>",
                y + 6,
            );
            format!(
                "{} ({})",
                row.ratio.map_or(String::new(), figure),
                row.goal_text()
            )
        }
        None => format!("not measured ({})", row.goal_text()),
    };
    let _ = writeln!(
        svg,
        "<text x=\"{right:.1}\" y=\"{}\">{}</text>",
        y + 19,
        escape(&text)
    );
}

fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most - 1).chain(['…']).collect()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Line;

    #[test]
    fn a_bar_goes_to_the_side_of_its_outcome() {
        let mut report = Report::new();
        report.set(Line::PatchEcho, 1.2, 1.0);
        report.set(Line::DeepPage, 2.6, 1.0);
        let svg = chart(&report);
        // Twice the goal, and half as good as it: one doubling each way from the middle, 550.
        assert!(
            svg.contains("<rect class=\"met\" x=\"550.0\" y=\"60\" width=\"60.0\""),
            "{svg}"
        );
        assert!(
            svg.contains("<rect class=\"missed\" x=\"490.0\" y=\"332\" width=\"60.0\""),
            "{svg}"
        );
        assert_eq!(svg.matches("not measured").count(), 13);
        assert_eq!(svg.matches("<text").count(), svg.matches("</text>").count());
        assert_eq!(escape("a<b&c"), "a&lt;b&amp;c");
    }
}
