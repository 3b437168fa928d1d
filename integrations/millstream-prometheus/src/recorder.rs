//! Owns who takes metrics: counters and gauges as the exporter keeps them, histograms in buckets of our own, since the exporter
//! keeps each value until it is scraped.

use crate::buckets::{BOUNDS, Buckets};
use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
use metrics_exporter_prometheus::PrometheusRecorder;
use metrics_exporter_prometheus::formatting::{
    sanitize_description, sanitize_label_key, sanitize_label_value, sanitize_metric_name,
};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Takes everything.
pub(crate) struct Everything {
    pub(crate) others: PrometheusRecorder,
    pub(crate) histograms: Arc<Histograms>,
}

/// One metric: what it means, and its buckets by labels.
#[derive(Default)]
struct Series {
    help: Option<String>,
    buckets: BTreeMap<String, Arc<Buckets>>,
}

/// All histograms, by name. Ordered, so that a page reads alike each time.
#[derive(Default)]
pub(crate) struct Histograms(Mutex<BTreeMap<String, Series>>);

impl Histograms {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Series>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn of(&self, key: &Key) -> Arc<Buckets> {
        let labels: Vec<String> = key
            .labels()
            .map(|label| format!("{}=\"{}\"", sanitize_label_key(label.key()), sanitize_label_value(label.value())))
            .collect();
        let mut all = self.lock();
        all.entry(sanitize_metric_name(key.name())).or_default().buckets.entry(labels.join(",")).or_default().clone()
    }

    /// Appends all as text.
    pub(crate) fn render(&self, text: &mut String) {
        for (name, series) in self.lock().iter().filter(|(_, series)| !series.buckets.is_empty()) {
            if let Some(help) = &series.help {
                let _ = writeln!(text, "# HELP {name} {help}");
            }
            let _ = writeln!(text, "# TYPE {name} histogram");
            for (labels, buckets) in &series.buckets {
                let (up_to, all, sum) = buckets.read();
                let comma = if labels.is_empty() { "" } else { "," };
                for (bound, count) in BOUNDS.iter().zip(up_to) {
                    let _ = writeln!(text, "{name}_bucket{{{labels}{comma}le=\"{bound}\"}} {count}");
                }
                let _ = writeln!(text, "{name}_bucket{{{labels}{comma}le=\"+Inf\"}} {all}");
                let _ = writeln!(text, "{name}_sum{{{labels}}} {sum}");
                let _ = writeln!(text, "{name}_count{{{labels}}} {all}");
            }
            text.push('\n');
        }
    }
}

impl Recorder for Everything {
    fn describe_counter(&self, name: KeyName, unit: Option<Unit>, text: SharedString) {
        self.others.describe_counter(name, unit, text);
    }

    fn describe_gauge(&self, name: KeyName, unit: Option<Unit>, text: SharedString) {
        self.others.describe_gauge(name, unit, text);
    }

    fn describe_histogram(&self, name: KeyName, _: Option<Unit>, text: SharedString) {
        self.histograms.lock().entry(sanitize_metric_name(name.as_str())).or_default().help = Some(sanitize_description(&text));
    }

    fn register_counter(&self, key: &Key, metadata: &Metadata<'_>) -> Counter {
        self.others.register_counter(key, metadata)
    }

    fn register_gauge(&self, key: &Key, metadata: &Metadata<'_>) -> Gauge {
        self.others.register_gauge(key, metadata)
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(self.histograms.of(key))
    }
}
