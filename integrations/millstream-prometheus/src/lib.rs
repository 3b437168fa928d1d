//! Metrics of Millstream services as Prometheus text: installs a recorder, renders what it has, and serves it over HTTP where
//! the user wants. Leaves counting to the core (`with_metrics()`), and health endpoints to others.
//!
//! | file | noun |
//! | --- | --- |
//! | `recorder` | who takes metrics |
//! | `buckets` | histograms as counts by bucket |
//! | `listen` | `/metrics` |

mod buckets;
mod listen;
mod recorder;

pub use buckets::BOUNDS;
pub use listen::Listening;

use millstream_core::contract::{Error, ErrorKind, Operation};
use recorder::{Everything, Histograms};
use std::sync::Arc;

/// The process's metrics as Prometheus text. Cheap to clone.
///
/// ```no_run
/// use millstream_prometheus::Prometheus;
/// # async fn run() -> Result<(), millstream_core::contract::Error> {
/// let prometheus = Prometheus::install()?;                            // before services are built
/// let listening = prometheus.listen("127.0.0.1:9464").await?;         // serves /metrics until dropped
/// println!("{}", prometheus.render());
/// # drop(listening);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Prometheus {
    others: metrics_exporter_prometheus::PrometheusHandle,
    histograms: Arc<Histograms>,
}

impl std::fmt::Debug for Prometheus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Prometheus").finish_non_exhaustive()
    }
}

impl Prometheus {
    /// Installs the recorder of the process. Do it before services run: handles made earlier count into nothing.
    ///
    /// # Errors
    /// If the process has a recorder already ([`ErrorKind::Configuration`]).
    pub fn install() -> Result<Self, Error> {
        let (recorder, prometheus) = Self::parts();
        metrics::set_global_recorder(recorder).map_err(|error| {
            let text = "the process has a recorder of metrics already: install one of them only";
            Error::new(ErrorKind::Configuration, Operation::Build, text).with_source(error.to_string())
        })?;
        Ok(prometheus)
    }

    /// A recorder that is not installed, for those who combine several, and its view.
    pub fn recorder() -> (impl metrics::Recorder + Send + Sync + 'static, Self) {
        Self::parts()
    }

    fn parts() -> (Everything, Self) {
        let others = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
        let histograms: Arc<Histograms> = Arc::default();
        let prometheus = Prometheus { others: others.handle(), histograms: histograms.clone() };
        (Everything { others, histograms }, prometheus)
    }

    /// All metrics, in Prometheus' text format 0.0.4.
    #[must_use]
    pub fn render(&self) -> String {
        let mut text = self.others.render();
        self.histograms.render(&mut text);
        text
    }
}
