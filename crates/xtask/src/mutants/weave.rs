//! Owns a source that holds all of its mutants at once, each asleep until its number is called: it is built once, where a build
//! for each would take hours. Leaves what does not compile so to `loom`.
//!
//! `a < b` becomes `(if crate::woven::on(7) { (a) <= (b) } else { (a) < (b) })`, a function begins with
//! `if crate::woven::on(8) { return true; }`. Comments around each mark where it is, for the compiler's complaints.

use super::list::Mutant;
use std::collections::BTreeMap;
use std::ops::Range;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{BinOp, Expr};

/// The number under which a mutant is called; zero is none's.
pub(crate) type Number = u32;

/// What stands in the core's root beside the rest.
pub(crate) const SWITCH: &str = r#"
#[doc(hidden)]
pub mod woven {
    static CALLED: std::sync::LazyLock<u32> =
        std::sync::LazyLock::new(|| std::env::var("MUTANT").ok().and_then(|number| number.parse().ok()).unwrap_or(0));
    #[inline]
    pub fn on(number: u32) -> bool {
        *CALLED == number
    }
}
"#;

/// Weaves these mutants into the source of their file. Some cannot be: their numbers are in no region of the result.
///
/// # Errors
/// If the source is no Rust.
pub(crate) fn weave(source: &str, mutants: &[(Number, &Mutant)]) -> Result<String, String> {
    let file = syn::parse_file(source).map_err(|error| error.to_string())?;
    let mut nodes = Nodes::default();
    nodes.visit_file(&file);
    let mut sites: BTreeMap<(usize, usize, usize), Site> = BTreeMap::new();
    for &(number, mutant) in mutants {
        let span = mutant.bytes(source);
        let found = match mutant.genre.as_str() {
            "FnValue" => Some((span, Shape::Body)),
            "MatchArmGuard" => Some((span, Shape::Guard)),
            "MatchArm" => nodes.arms.get(&span.start).map(|&arrow| (arrow..arrow, Shape::Arm)),
            "UnaryOperator" => nodes.unary.get(&span.start).map(|end| (span.start..*end, Shape::Unary { behind: span.end })),
            "BinaryOperator" => nodes
                .binary
                .get(&span.start)
                .map(|(left, right)| (left.start..right.end, Shape::Binary { left: left.clone(), right: right.clone() })),
            _ => None,
        };
        if let Some((whole, shape)) = found {
            // From the outside to the inside.
            let place = (whole.start, usize::MAX - whole.end, shape.depth());
            let site = sites.entry(place).or_insert_with(|| Site { whole, shape, mutants: Vec::new() });
            site.mutants.push((number, mutant.replacement.clone()));
        }
    }
    let sites: Vec<Site> = sites.into_values().collect();
    Ok(render(source, 0..source.len(), &sites))
}

/// The numbers of the innermost region around this part of a woven source.
pub(crate) fn region(woven: &str, part: &Range<usize>) -> Vec<Number> {
    let around = regions(woven).into_iter().filter(|(range, _)| range.start <= part.start && part.end <= range.end);
    around.min_by_key(|(range, _)| range.len()).map(|(_, numbers)| numbers).unwrap_or_default()
}

/// All numbers that are in a woven source.
pub(crate) fn numbers(woven: &str) -> Vec<Number> {
    regions(woven).into_iter().flat_map(|(_, numbers)| numbers).collect()
}

fn regions(woven: &str) -> Vec<(Range<usize>, Vec<Number>)> {
    let (mut open, mut closed, mut at) = (Vec::new(), Vec::new(), 0);
    while let Some(found) = woven[at..].find("/*~").map(|found| found + at) {
        let Some(end) = woven[found..].find("*/").map(|end| found + end) else { break };
        match &woven[found + 3..end] {
            "" => closed.extend(open.pop().map(|(start, numbers)| (start..found, numbers))),
            list => open.push((end + 2, list.split(',').filter_map(|number| number.parse().ok()).collect())),
        }
        at = end + 2;
    }
    closed
}

/// Where mutants are woven in.
struct Site {
    whole: Range<usize>,
    shape: Shape,
    mutants: Vec<(Number, String)>,
}

enum Shape {
    Body,
    Guard,
    Binary { left: Range<usize>, right: Range<usize> },
    Unary { behind: usize },
    Arm,
}

impl Shape {
    fn depth(&self) -> usize {
        match self {
            Shape::Body => 0,
            Shape::Guard => 1,
            Shape::Binary { .. } => 2,
            Shape::Unary { .. } => 3,
            Shape::Arm => 4,
        }
    }
}

/// A part of a source with these sites in it, outer ones before inner ones.
fn render(source: &str, part: Range<usize>, sites: &[Site]) -> String {
    let (mut out, mut at, mut left) = (String::new(), part.start, sites);
    while let [site, behind @ ..] = left {
        let within = behind.iter().take_while(|other| other.whole.start < site.whole.end).count();
        let (within, others) = behind.split_at(within);
        out.push_str(&source[at..site.whole.start]);
        out.push_str(&site.render(source, within));
        (at, left) = (site.whole.end, others);
    }
    out.push_str(&source[at..part.end]);
    out
}

impl Site {
    fn render(&self, source: &str, within: &[Site]) -> String {
        let as_it_is = |part: &Range<usize>| render(source, part.clone(), within);
        match &self.shape {
            Shape::Body => {
                let early = |(number, value): &(Number, String)| {
                    format!("/*~{number}*/if crate::woven::on({number}) {{ return {value}; }}/*~*/ ")
                };
                self.mutants.iter().map(early).chain([as_it_is(&self.whole)]).collect()
            }
            Shape::Arm => {
                let asleep = |(number, _): &(Number, String)| format!("if /*~{number}*/!crate::woven::on({number})/*~*/ ");
                self.mutants.iter().map(asleep).collect()
            }
            Shape::Guard => self.choice(str::to_owned, &as_it_is(&self.whole)),
            Shape::Unary { behind } => {
                let operand = &source[*behind..self.whole.end];
                let operator = &source[self.whole.start..*behind];
                let plain = format!("{operator}{}", as_it_is(&(*behind..self.whole.end)));
                self.choice(|operator| format!("{operator}({operand})"), &plain)
            }
            Shape::Binary { left, right } => {
                let split = within.partition_point(|site| site.whole.start < left.end);
                let (in_left, in_right) = within.split_at(split);
                let operator = &source[left.end..right.start];
                let plain =
                    format!("({}){operator}({})", render(source, left.clone(), in_left), render(source, right.clone(), in_right));
                self.choice(|operator| format!("({}) {operator} ({})", &source[left.clone()], &source[right.clone()]), &plain)
            }
        }
    }

    /// What a mutant makes of it if it is called, and what it is if none is.
    fn choice(&self, mutated: impl Fn(&str) -> String, plain: &str) -> String {
        let numbers: Vec<String> = self.mutants.iter().map(|(number, _)| number.to_string()).collect();
        let branch = |(number, replacement): &(Number, String)| {
            format!("if crate::woven::on({number}) {{ /*~{number}*/{}/*~*/ }} else ", mutated(replacement))
        };
        let branches: String = self.mutants.iter().map(branch).collect();
        format!("/*~{}*/({branches}{{ {plain} }})/*~*/", numbers.join(","))
    }
}

/// Where the parts of operators and arms are.
#[derive(Default)]
struct Nodes {
    /// By where the operator begins.
    binary: BTreeMap<usize, (Range<usize>, Range<usize>)>,
    /// By where the operator begins: where the operand ends.
    unary: BTreeMap<usize, usize>,
    /// By where an arm without a guard begins: its arrow.
    arms: BTreeMap<usize, usize>,
}

impl<'ast> Visit<'ast> for Nodes {
    fn visit_expr_binary(&mut self, node: &'ast syn::ExprBinary) {
        // What binds a name for those behind it is not to be taken apart.
        if !(matches!(node.op, BinOp::And(_)) && (binds(&node.left) || binds(&node.right))) {
            let parts = (node.left.span().byte_range(), node.right.span().byte_range());
            self.binary.insert(node.op.span().byte_range().start, parts);
        }
        visit::visit_expr_binary(self, node);
    }

    fn visit_expr_unary(&mut self, node: &'ast syn::ExprUnary) {
        self.unary.insert(node.op.span().byte_range().start, node.expr.span().byte_range().end);
        visit::visit_expr_unary(self, node);
    }

    fn visit_arm(&mut self, node: &'ast syn::Arm) {
        if !matches!(node.pat, syn::Pat::Guard(_)) {
            self.arms.insert(node.span().byte_range().start, node.fat_arrow_token.span().byte_range().start);
        }
        visit::visit_arm(self, node);
    }
}

fn binds(node: &Expr) -> bool {
    match node {
        Expr::Let(_) => true,
        Expr::Binary(both) if matches!(both.op, BinOp::And(_)) => binds(&both.left) || binds(&both.right),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Weaves mutants, each of a kind, at the first place where this stands, with what stands there instead.
    fn woven(source: &str, mutants: &[(&str, &str, &str)]) -> String {
        let mutant = |&(genre, here, replacement): &(&str, &str, &str)| {
            let at = source.find(here).expect("a part of the source");
            Mutant::planted(source, at..at + here.len(), genre, replacement)
        };
        let mutants: Vec<Mutant> = mutants.iter().map(mutant).collect();
        let numbered: Vec<(Number, &Mutant)> = (1..).zip(&mutants).collect();
        weave(source, &numbered).expect("Rust")
    }

    /// The same without the marks.
    fn bare(woven: &str) -> String {
        let parts = woven.split("/*~").map(|part| part.split_once("*/").map_or(part, |(_, behind)| behind));
        parts.collect::<String>().replace("crate::woven::on", "on")
    }

    #[test]
    fn an_operator_is_chosen_and_its_operands_are_woven_only_where_it_is_itself() {
        let source = "fn f() -> bool { a < b && !c }";
        let woven = woven(
            source,
            &[
                ("BinaryOperator", "&&", "||"),
                ("BinaryOperator", "<", "=="),
                ("BinaryOperator", "<", ">"),
                ("UnaryOperator", "!", ""),
            ],
        );
        assert_eq!(
            bare(&woven),
            "fn f() -> bool { (if on(1) { (a < b) || (!c) } else { ((if on(2) { (a) == (b) } else if on(3) { (a) > (b) } else \
             { (a) < (b) })) && ((if on(4) { (c) } else { !c })) }) }"
        );
        syn::parse_file(&woven).expect("Rust");
    }

    #[test]
    fn a_function_answers_at_once_and_guards_and_arms_are_passed() {
        let source = "fn f(ö: u8) -> u8 { match ö { 1 if a == b => 2, 3 => 4, _ => 5 } }";
        let body = "match ö { 1 if a == b => 2, 3 => 4, _ => 5 }";
        let mutants = [
            ("FnValue", body, "0"),
            ("MatchArmGuard", "a == b", "true"),
            ("BinaryOperator", "==", "!="),
            ("MatchArm", "3 => 4,", ""),
        ];
        assert_eq!(
            bare(&woven(source, &mutants)),
            "fn f(ö: u8) -> u8 { if on(1) { return 0; } match ö { 1 if (if on(2) { true } else { (if on(3) { (a) != (b) } else \
             { (a) == (b) }) }) => 2, 3 if !on(4) => 4, _ => 5 } }"
        );
    }

    #[test]
    fn a_chain_that_binds_names_is_left_as_it_is() {
        let source = "fn f() { if a && let Some(b) = c && b < d {} }";
        let woven = woven(source, &[("BinaryOperator", "&&", "||"), ("BinaryOperator", "<", ">")]);
        assert_eq!(bare(&woven), "fn f() { if a && let Some(b) = c && (if on(2) { (b) > (d) } else { (b) < (d) }) {} }");
        assert_eq!(numbers(&woven), [2, 2]);
    }

    #[test]
    fn a_complaint_is_about_the_innermost_mutants_around_it() {
        let source = "fn f() -> bool { a < b && c }";
        let woven = woven(source, &[("BinaryOperator", "&&", "||"), ("BinaryOperator", "<", "=="), ("BinaryOperator", "<", ">")]);
        let of = |part: &str| {
            let at = woven.find(part).expect("a part of it");
            region(&woven, &(at..at + part.len()))
        };
        assert_eq!(of("(a < b) || (c)"), [1]);
        assert_eq!(of("(a) > (b)"), [3]);
        assert_eq!(of("(a) < (b)"), [2, 3], "whichever of them it does not agree with");
        assert_eq!(of("&& (c)"), [1]);
        assert_eq!(of("fn"), [0; 0]);
    }
}
