//! The grammar of expectations: `METRIC of SUBJECT OPERATOR VALUE`.

use super::expectation::{Op, Value};
use super::metrics::{self, Bounds, Kind, Metric, site};
use super::ways;
use super::words::{ActionError, Word, Words};
use crate::topology::Topology;

const OPERATORS: &[(&str, Op)] =
    &[("==", Op::Eq), ("!=", Op::Ne), ("<=", Op::Le), (">=", Op::Ge), ("<", Op::Lt), (">", Op::Gt)];

/// Reads the `that` of an expectation.
///
/// # Errors
/// The text is no expectation, names what the lab has not, or is true or false of every run.
pub fn parse(text: &str, topology: &Topology) -> Result<(Metric, Op, Value), ActionError> {
    if let Some((at, op)) = ways::operator(text) {
        return ways::membership(text, at, op, topology);
    }
    let Some(at) = text.find(['=', '!', '<', '>']) else {
        let help = "write it as METRIC == VALUE, such as `islands of music == 1`".to_owned();
        let end = text.trim_end().len();
        return Err(ActionError { message: "nothing is compared".to_owned(), span: end..end, help: Some(help) });
    };
    let Some((symbol, op)) = OPERATORS.iter().find(|(symbol, _)| text[at..].starts_with(symbol)) else {
        let help = Some("operators: == != < <= > >=".to_owned());
        return Err(ActionError { message: "no such operator".to_owned(), span: at..at + 1, help });
    };
    let metric = metrics::parse(Words::new(&text[..at], 0), topology)?;
    let kind = metric.row.kind;
    let after = at + symbol.len();
    if kind == Kind::Path && matches!(op, Op::Eq | Op::Ne) {
        let path = ways::path(&metric, Words::new(&text[after..], after), topology)?;
        return Ok((metric, *op, Value::Path(path)));
    }
    if text[after..].split_whitespace().nth(1).is_some() {
        return Ok((metric.clone(), *op, Value::Metric(Box::new(other(&text[after..], after, kind, topology)?))));
    }
    let mut words = Words::new(&text[after..], after);
    let word = words.expect("a value", "METRIC == VALUE")?;
    words.finish("METRIC == VALUE")?;
    if matches!(kind, Kind::YesNo | Kind::Site | Kind::Path) && !matches!(op, Op::Eq | Op::Ne) {
        let more = if kind == Kind::Path { ", `contains` or `lacks`" } else { "" };
        let help = Some(format!("use == or !={more}"));
        return Err(ActionError { message: format!("`{symbol}` needs numbers"), span: at..after, help });
    }
    let value = value(&word, kind, &metric, topology)?;
    if let Value::Number(number) = value {
        can_go_either_way(&metric, *op, number, topology).map_err(|why| ActionError {
            message: format!("`{}` {why}", text.trim()),
            span: at..word.span.end,
            help: Some("an expectation must be able to hold and to fail".to_owned()),
        })?;
    }
    Ok((metric, *op, value))
}

/// The metric on the other side of a comparison: of the same kind, a number, and measured over a window.
fn other(text: &str, start: usize, kind: Kind, topology: &Topology) -> Result<Metric, ActionError> {
    let metric = metrics::parse(Words::new(text, start), topology)?;
    if metric.row.kind == kind
        && matches!(kind, Kind::Count | Kind::Ratio | Kind::Factor | Kind::Seconds)
        && !metric.is_state()
    {
        return Ok(metric);
    }
    let span = start + (text.len() - text.trim_start().len())..start + text.trim_end().len();
    let message = format!("`{}` cannot be compared with this", text.trim());
    Err(ActionError { message, span, help: Some("counts, shares or times, two of the same".to_owned()) })
}

fn value(word: &Word<'_>, kind: Kind, metric: &Metric, topology: &Topology) -> Result<Value, ActionError> {
    let text = word.text;
    let (number, help) = match kind {
        Kind::YesNo if text == "yes" => return Ok(Value::Yes),
        Kind::YesNo if text == "no" => return Ok(Value::No),
        Kind::YesNo => (None, "`yes` or `no`"),
        Kind::Site => return site(word, metric.subject.group.as_deref(), topology).map(Value::Name),
        Kind::Path => (None, "ASes, the nearest first"),
        Kind::Count => (text.parse::<u32>().ok().map(f64::from), "a whole number"),
        Kind::Ratio => (ratio(text), "a share from 0% to 100%, such as `95%` or `0.95`"),
        Kind::Factor => {
            let least = metric.bounds(topology).least;
            let factor = text.parse::<f64>().ok().filter(|factor| factor.is_finite() && *factor >= least);
            (factor, "a factor, such as `1.2`")
        }
        Kind::Seconds => {
            let time = humantime::parse_duration(text).ok();
            (time.map(|t| t.as_secs_f64()), "a time with its unit, such as `4s` or `500ms`")
        }
    };
    number.map(Value::Number).ok_or_else(|| word.error(format!("`{text}` is no value of this metric"), help.to_owned()))
}

fn ratio(text: &str) -> Option<f64> {
    let ratio = match text.strip_suffix('%') {
        Some(percent) => percent.parse::<f64>().ok()? / 100.0,
        None => text.parse().ok()?,
    };
    (0.0..=1.0).contains(&ratio).then_some(ratio)
}

/// Refuses comparisons that every run satisfies, or none.
fn can_go_either_way(metric: &Metric, op: Op, value: f64, topology: &Topology) -> Result<(), &'static str> {
    let Bounds { least, most, absent } = metric.bounds(topology);
    let above = most.is_some_and(|most| value > most);
    let at_most = most.is_some_and(|most| value >= most);
    let (always, never) = match op {
        Op::Ge => (value <= least, above),
        Op::Gt => (false, at_most),
        Op::Le => (at_most && !absent, value < least),
        Op::Lt => (above && !absent, value <= least),
        Op::Eq => (false, above || value < least),
        Op::Ne => (above || value < least, false),
        Op::Contains | Op::Lacks => (false, false),
    };
    match (always, never) {
        (true, _) => Err("cannot fail"),
        (_, true) => Err("can never hold"),
        _ => Ok(()),
    }
}
