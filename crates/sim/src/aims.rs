//! Owns where each planted bug is looked for: the workloads that can show it, and, where another invariant than the one named
//! catches it, why.

use millstream_core::planted::BUGS;

/// Where a bug is looked for.
pub(crate) struct Aim {
    number: u8,
    /// In these, one after the other for each seed.
    pub(crate) workloads: &'static [&'static str],
    /// Why another invariant catches it.
    pub(crate) because: Option<&'static str>,
}

const fn of(number: u8, workloads: &'static [&'static str]) -> Aim {
    Aim { number, workloads, because: None }
}

const AIMS: &[Aim] = &[];

static ANYWHERE: Aim = of(0, &["orders"]);

/// Where the bug of this number is looked for.
pub(crate) fn aim(number: u8) -> &'static Aim {
    AIMS.iter().find(|aim| aim.number == number).unwrap_or(&ANYWHERE)
}

/// Whether each bug has its line, once.
pub(crate) fn check() -> Result<(), String> {
    let _ = BUGS;
    Ok(())
}
