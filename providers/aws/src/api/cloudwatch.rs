//! CloudWatch's metrics: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html>.

use serde::{Deserialize, Serialize};

use super::{ApiError, Client, Service};

/// A metric of a service's.
#[derive(Clone, Debug)]
pub(crate) struct Metric<'a> {
    /// `AWS/Lambda`
    pub(crate) namespace: &'a str,
    /// `Errors`
    pub(crate) name: &'a str,
    /// Exactly those that it is recorded with: a metric with other dimensions is another one.
    pub(crate) dimensions: &'a [(&'a str, &'a str)],
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Input<'a> {
    metric_data_queries: Vec<Query<'a>>,
    /// Seconds since 1970.
    start_time: u64,
    end_time: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Query<'a> {
    id: String,
    metric_stat: MetricStat<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct MetricStat<'a> {
    metric: MetricName<'a>,
    period: u32,
    stat: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct MetricName<'a> {
    namespace: &'a str,
    metric_name: &'a str,
    dimensions: Vec<Dimension<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Dimension<'a> {
    name: &'a str,
    value: &'a str,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Output {
    #[serde(default)]
    metric_data_results: Vec<MetricResult>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct MetricResult {
    id: String,
    #[serde(default)]
    values: Vec<f64>,
}

/// One value a minute: what Lambda records.
const PERIOD: u32 = 60;

/// Sums of metrics from one time to another (seconds since 1970), in the order of `metrics`; 0 for what was never recorded.
pub(crate) async fn sums(
    client: &Client,
    metrics: &[Metric<'_>],
    from: u64,
    to: u64,
) -> Result<Vec<f64>, ApiError> {
    let operation = Service::CloudWatch.operation("GetMetricData");
    let mut sums = vec![0.0; metrics.len()];
    let mut next_token = None;
    loop {
        let queries = metrics.iter().enumerate().map(|(index, metric)| query(index, metric)).collect();
        let input = Input { metric_data_queries: queries, start_time: from, end_time: to, next_token };
        let output: Output = client.json(operation, &input).await?;
        for result in output.metric_data_results {
            let index = result.id.strip_prefix('m').and_then(|index| index.parse::<usize>().ok());
            if let Some(sum) = index.and_then(|index| sums.get_mut(index)) {
                *sum += result.values.iter().sum::<f64>();
            }
        }
        next_token = output.next_token.filter(|token| !token.is_empty());
        if next_token.is_none() {
            return Ok(sums);
        }
    }
}

fn query<'a>(index: usize, metric: &Metric<'a>) -> Query<'a> {
    let dimensions = metric.dimensions.iter().map(|(name, value)| Dimension { name, value }).collect();
    let metric = MetricName { namespace: metric.namespace, metric_name: metric.name, dimensions };
    Query { id: format!("m{index}"), metric_stat: MetricStat { metric, period: PERIOD, stat: "Sum" } }
}
