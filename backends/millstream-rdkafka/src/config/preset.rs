//! Owns settings for an aim, each with its reason. They never touch what is safe: that is forced in any case.

/// A setting of librdkafka with its reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Setting {
    /// Its name.
    pub name: &'static str,
    /// Its value.
    pub value: &'static str,
    /// Why.
    pub reason: &'static str,
}

const fn setting(name: &'static str, value: &'static str, reason: &'static str) -> Setting {
    Setting { name, value, reason }
}

/// What a client is tuned for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Preset {
    /// A record is on its way at once. The default: batches form by themselves while a request is under way.
    #[default]
    LowLatency,
    /// As many records as can be, a few milliseconds later.
    Throughput,
    /// Rather late than not at all: long outages are waited out.
    Durable,
}

impl Preset {
    /// What it sets for producers.
    pub fn producer(self) -> &'static [Setting] {
        match self {
            Preset::LowLatency => {
                const {
                    &[
                        setting("linger.ms", "0", "a lone record does not wait for company"),
                        setting(
                            "queue.buffering.max.messages",
                            "100000",
                            "a bounded queue: what is behind it waits in the service",
                        ),
                        setting(
                            "queue.buffering.max.kbytes",
                            "65536",
                            "64 MiB: a service in a small container lives through an outage",
                        ),
                        setting("socket.nagle.disable", "true", "small requests leave at once"),
                    ]
                }
            }
            Preset::Throughput => {
                const {
                    &[
                        setting("linger.ms", "5", "batches fill, and each request costs the broker the same"),
                        setting("batch.size", "1000000", "a request is full before it leaves, below the broker's limit of 1 MiB"),
                        setting("compression.type", "lz4", "cheap, and a third to a half less for network and disk"),
                        setting("queue.buffering.max.messages", "500000", "enough for a second at half a million records"),
                        setting("queue.buffering.max.kbytes", "262144", "256 MiB: the memory that this costs at most"),
                    ]
                }
            }
            Preset::Durable => {
                const {
                    &[
                        setting("linger.ms", "5", "fewer requests, fewer ways to fail"),
                        setting("compression.type", "zstd", "the least to be kept for long"),
                        setting(
                            "queue.buffering.max.messages",
                            "100000",
                            "a bounded queue: what is behind it waits in the service",
                        ),
                        setting("queue.buffering.max.kbytes", "262144", "256 MiB: room for an outage"),
                        setting("retry.backoff.max.ms", "10000", "a cluster that comes back is not overrun"),
                        setting("reconnect.backoff.max.ms", "30000", "a broker that is away for long is asked less often"),
                    ]
                }
            }
        }
    }

    /// What it sets for consumers.
    pub fn consumer(self) -> &'static [Setting] {
        match self {
            Preset::LowLatency => {
                const {
                    &[
                        setting("fetch.wait.max.ms", "100", "an idle partition's next record is not held back by an idle broker"),
                        setting("fetch.min.bytes", "1", "the first byte is enough"),
                        setting("fetch.queue.backoff.ms", "10", "a full queue that has emptied is filled again at once"),
                        setting("queued.min.messages", "10000", "a few batches of each partition ahead"),
                        setting("queued.max.messages.kbytes", "4096", "4 MiB of each partition wait at most"),
                        setting("socket.nagle.disable", "true", "small requests leave at once"),
                    ]
                }
            }
            Preset::Throughput => {
                const {
                    &[
                        setting("fetch.wait.max.ms", "500", "a fetch that would come back empty waits for more"),
                        setting("fetch.min.bytes", "65536", "answers are worth their cost"),
                        setting("fetch.queue.backoff.ms", "50", "a queue that has emptied is filled soon"),
                        setting("queued.min.messages", "100000", "a partition is never waited for"),
                        setting("queued.max.messages.kbytes", "32768", "32 MiB of each partition wait at most"),
                    ]
                }
            }
            Preset::Durable => {
                const {
                    &[
                        setting("fetch.wait.max.ms", "500", "fewer requests, fewer ways to fail"),
                        setting("fetch.queue.backoff.ms", "100", "no hurry"),
                        setting("queued.min.messages", "10000", "little is fetched twice after a rebalance"),
                        setting("queued.max.messages.kbytes", "8192", "8 MiB of each partition wait at most"),
                        setting("reconnect.backoff.max.ms", "30000", "a broker that is away for long is asked less often"),
                    ]
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Preset;

    #[test]
    fn every_setting_of_a_preset_has_a_reason_and_stands_once() {
        for preset in [Preset::LowLatency, Preset::Throughput, Preset::Durable] {
            for settings in [preset.producer(), preset.consumer()] {
                let names: std::collections::BTreeSet<_> = settings.iter().map(|setting| setting.name).collect();
                assert_eq!(names.len(), settings.len());
                assert!(settings.iter().all(|setting| !setting.reason.is_empty()));
            }
        }
    }
}
