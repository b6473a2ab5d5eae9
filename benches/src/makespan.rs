//! How near a deploy comes to the time that its plan needs at least: the longest chain of steps that need each other, and what a service
//! takes in at its rate, each request taking [`LATENCY`].
//!
//! How long a step of each kind takes is measured where nothing waits for anything: in a deploy of one function. The rates are those of the
//! counterpart. A service's requests cannot begin before its first step can, and after the last of them there is what follows it: both ends are
//! counted at their shortest, so the bound is one that no deploy can beat.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};
use sf_e2e::aws::{Entry, LONG};
use sf_e2e::{Aws, Run};

use crate::Result;
use crate::aws::project;
use crate::report::{Row, Table, show};

/// What each request takes beside the work itself: that of a deploy to the other end of a continent.
const LATENCY: Duration = Duration::from_millis(100);
const FUNCTIONS: usize = 50;
/// What the issue asks for.
const BAR: f64 = 1.15;
/// No waits of the counterpart's own: they would be part of a step's time.
const SWITCHES: &[&str] = &["--iam-lag-ms", "0", "--lambda-pending-ms", "0"];

/// The services whose rates are felt: the kinds of objects that they make, requests a second, and how many at once.
const RATES: [Rate; 3] = [
    Rate {
        service: "lambda",
        kinds: &["function", "alias", "permission", "url", "warm", "invoke-config", "event-source"],
        a_second: 15.0,
        at_once: 15.0,
    },
    Rate {
        service: "apigatewayv2",
        kinds: &["http-api", "authorizer", "integration", "route", "stage"],
        a_second: 10.0,
        at_once: 40.0,
    },
    Rate { service: "iam", kinds: &["role"], a_second: 15.0, at_once: 30.0 },
];

struct Rate {
    service: &'static str,
    kinds: &'static [&'static str],
    a_second: f64,
    at_once: f64,
}

/// A step of a plan: how long it takes, and those that must be done before.
struct Step {
    kind: String,
    seconds: f64,
    needs: Vec<usize>,
}

pub(crate) fn measure(table: &mut Table) -> Result<()> {
    let times = times_of_kinds()?;
    let aws = slow()?;
    let env = aws.env();
    let project = project(&env, FUNCTIONS)?;
    let steps = steps(&project.sf(&["plan", "--json"]).ok().json(), &times)?;
    let start = Instant::now();
    let _ = project.sf_within(LONG, &["deploy", "--yes"]).ok();
    let makespan = start.elapsed();
    let (bound, of) = bound(&steps, &aws.log());
    let ratio = makespan.as_secs_f64() / bound.as_secs_f64();
    table.row(Row {
        what: format!("AWS: {FUNCTIONS} functions, {} a request, first deploy", show(LATENCY)),
        sf: show(makespan),
        beside: format!("the least that the plan needs ({of}): {}", show(bound)),
        ratio: Some(ratio),
        bar: format!("under {BAR}x"),
        held: Some(ratio < BAR),
    });
    Ok(())
}

/// A counterpart that is as far away as a real one.
fn slow() -> Result<Aws> {
    let aws = Aws::start("benchmark", SWITCHES).ok_or("no counterpart of AWS")?;
    let delay = json!({ "type": "delay", "ms": LATENCY.as_millis() as u64 });
    aws.fault(&json!({ "service": "*", "operation": "*", "action": delay }));
    Ok(aws)
}

/// How long a step of each kind takes where nothing is waited for: the shortest in a deploy of one function.
fn times_of_kinds() -> Result<BTreeMap<String, f64>> {
    let aws = slow()?;
    let env = aws.env();
    let run = project(&env, 1)?.sf_within(LONG, &["deploy", "--yes"]).ok();
    let mut times: BTreeMap<String, f64> = BTreeMap::new();
    for (kind, seconds) in finished(&run) {
        times.entry(kind).and_modify(|least| *least = least.min(seconds)).or_insert(seconds);
    }
    if times.is_empty() {
        Err(format!("no step is in what was said:\n{}", run.text()).into())
    } else {
        Ok(times)
    }
}

/// `created route/GET /hello 0.31 s`: the kind, and how long it took.
fn finished(run: &Run) -> Vec<(String, f64)> {
    let step = |line: &str| {
        let (what, seconds) = line.trim().strip_suffix(" s")?.rsplit_once(' ')?;
        let (kind, _) = what.split_once(' ')?.1.split_once('/')?;
        Some((kind.to_owned(), seconds.parse().ok()?))
    };
    run.stderr.lines().filter_map(step).collect()
}

fn steps(plan: &Json, times: &BTreeMap<String, f64>) -> Result<Vec<Step>> {
    let list = plan["steps"].as_array().ok_or("the plan has no steps")?;
    let step = |json: &Json| -> Result<Step> {
        let key = json["key"].as_str().ok_or("a step without its key")?;
        let kind = key.split('/').next().unwrap_or(key).to_owned();
        let seconds = *times.get(&kind).ok_or_else(|| format!("no step of the kind {kind} was measured"))?;
        let needs = json["needs"].as_array().into_iter().flatten();
        let needs = needs.filter_map(|need| usize::try_from(need.as_u64()?).ok()).collect();
        Ok(Step { kind, seconds, needs })
    };
    list.iter().map(step).collect()
}

/// The least time, and what asks for it.
fn bound(steps: &[Step], log: &[Entry]) -> (Duration, String) {
    let begins = begins(steps);
    let (follows, whole) = follows(steps, &begins);
    let mut least = (whole, "its longest chain of steps".to_owned());
    for rate in &RATES {
        let is_of_it = |step: &Step| rate.kinds.contains(&step.kind.as_str());
        let places: Vec<_> = (0..steps.len()).filter(|&place| is_of_it(&steps[place])).collect();
        let shortest = |times: &[f64]| places.iter().map(|&place| times[place]).fold(f64::INFINITY, f64::min);
        // Those that were refused came too early, and are not needed.
        let is_needed = |entry: &&Entry| entry.service == rate.service && entry.is_of_sf() && entry.is_ok();
        let requests = log.iter().filter(is_needed).count() as f64;
        let taking_in = (requests - rate.at_once).max(0.0) / rate.a_second;
        let time = shortest(&begins) + taking_in + LATENCY.as_secs_f64() + shortest(&follows);
        if !places.is_empty() && time > least.0 {
            least = (time, format!("{requests} requests to {} at its rate", rate.service));
        }
    }
    (Duration::from_secs_f64(least.0), least.1)
}

/// When each step can begin at the earliest. Steps stand after those that they need or before them: passes go on until nothing moves.
fn begins(steps: &[Step]) -> Vec<f64> {
    let mut begins = vec![0.0_f64; steps.len()];
    loop {
        let mut is_done = true;
        for (place, step) in steps.iter().enumerate() {
            let earliest =
                step.needs.iter().map(|&need| begins[need] + steps[need].seconds).fold(0.0, f64::max);
            if earliest > begins[place] {
                begins[place] = earliest;
                is_done = false;
            }
        }
        if is_done {
            return begins;
        }
    }
}

/// How much time passes at least between the end of each step and the end of the whole, and the whole.
fn follows(steps: &[Step], begins: &[f64]) -> (Vec<f64>, f64) {
    let whole = begins.iter().zip(steps).map(|(begin, step)| begin + step.seconds).fold(0.0, f64::max);
    let mut order: Vec<_> = (0..steps.len()).collect();
    order.sort_by(|&one, &other| begins[other].total_cmp(&begins[one]));
    let mut follows = vec![0.0_f64; steps.len()];
    for place in order {
        let after = follows[place] + steps[place].seconds;
        for &need in &steps[place].needs {
            follows[need] = follows[need].max(after);
        }
    }
    (follows, whole)
}
