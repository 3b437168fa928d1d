//! The trading pipeline: work in progress; see the modules.
#![allow(dead_code)]
mod csv;
mod csv_line;
mod desk;
mod effects;
mod events;
mod faults;
mod feed;
mod ids;
mod keyed;
mod oracle;
mod order;
mod poison;
mod portfolio;
mod risk;
mod sdk;
mod standin;
mod strategies;
mod topics;
mod trader;
mod window;
mod zerodha;
fn main() {}
