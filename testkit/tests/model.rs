//! scratch
use millstream_testkit::model::*;
#[test]
fn scratch() {
    for world in worlds() {
        let name = world.name;
        let t = std::time::Instant::now();
        let e = search(&Universe::new(world), 3_000_000);
        eprintln!("{name}: states {} steps {} depth {} rest {} complete {} {:?}", e.states, e.steps, e.depth, e.at_rest, e.complete, t.elapsed());
        if let Some(c) = e.counterexample { eprintln!("{}", c.violation); for l in c.trace { eprintln!("  {l}"); } }
    }
}
