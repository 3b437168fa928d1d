//! Owns what `#[event(…)]` says: type, key, version, and where the crate is. Says what is wrong at the place where it is.

use proc_macro2::Span;
use syn::spanned::Spanned;
use syn::{Data, DeriveInput, Error, Expr, ExprLit, Fields, Lit, LitStr, Member, Path, Result, Token};

/// The words that are known.
const WORDS: &str = "`type = \"…\"`, `key = …`, `version = …` and `crate = …`";

/// What is said of an event.
pub(crate) struct Said {
    /// Its type.
    pub(crate) event_type: LitStr,
    /// What its order follows.
    pub(crate) key: Key,
    /// The version of its schema, if not the first.
    pub(crate) version: Option<Expr>,
    /// Where the crate is.
    pub(crate) krate: Path,
}

/// What the order of events follows.
pub(crate) enum Key {
    /// A place, which is borrowed.
    Place(Expr),
    /// A value, made for the purpose.
    Value(Expr),
}

impl Said {
    /// What the attributes of a type say.
    ///
    /// # Errors
    /// If a word is unknown, said twice or missing, or names a field that is not there.
    pub(crate) fn of(input: &DeriveInput) -> Result<Self> {
        let (mut event_type, mut key, mut version, mut krate) = (None, None, None, None);
        let mut at = None;
        for attribute in input.attrs.iter().filter(|attribute| attribute.path().is_ident("event")) {
            at.get_or_insert_with(|| attribute.path().span());
            attribute.parse_nested_meta(|meta| {
                let word = meta.path.get_ident().map(ToString::to_string).unwrap_or_default();
                if !["type", "key", "version", "crate"].contains(&word.as_str()) {
                    return Err(meta.error(format!("unknown word: known are {WORDS}")));
                }
                meta.input.parse::<Token![=]>()?;
                let twice = || meta.error(format!("`{word}` is said twice"));
                match word.as_str() {
                    "type" => once(&mut event_type, read_type(&meta.input.parse()?)?, twice),
                    "key" => once(&mut key, read_key(input, meta.input.parse()?)?, twice),
                    "version" => once(&mut version, read_version(meta.input.parse()?)?, twice),
                    _ => once(&mut krate, meta.input.call(Path::parse_mod_style)?, twice),
                }
            })?;
        }
        let at = at.unwrap_or_else(|| input.ident.span());
        let missing = |what: &str| Error::new(at, format!("`{}` {what}", input.ident));
        let event_type =
            event_type.ok_or_else(|| missing("names no event type: add `#[event(type = \"order_filled\", key = …)]`"));
        let key = key.ok_or_else(|| {
            missing("names no partition key: add `key = field` to `#[event(…)]`; events with one key stay in order")
        });
        let (event_type, key) = both(event_type, key)?;
        let krate = krate.unwrap_or_else(|| syn::parse_quote!(::millstream));
        Ok(Said { event_type, key, version, krate })
    }
}

/// Both, or all that is wrong.
fn both<A, B>(a: Result<A>, b: Result<B>) -> Result<(A, B)> {
    match (a, b) {
        (Ok(a), Ok(b)) => Ok((a, b)),
        (Err(mut a), Err(b)) => {
            a.combine(b);
            Err(a)
        }
        (Err(error), _) | (_, Err(error)) => Err(error),
    }
}

fn once<T>(slot: &mut Option<T>, value: T, twice: impl Fn() -> Error) -> Result<()> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(twice()),
    }
}

fn read_type(said: &Expr) -> Result<LitStr> {
    let Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) = said else {
        return Err(Error::new(said.span(), "the event type is a text: `type = \"order_filled\"`"));
    };
    match text.value().len() {
        1..=255 => Ok(text.clone()),
        len => Err(Error::new(text.span(), format!("an event type has 1 to 255 bytes, and this one has {len}"))),
    }
}

fn read_version(said: Expr) -> Result<Expr> {
    match &said {
        Expr::Lit(ExprLit { lit: Lit::Int(_), .. }) | Expr::Path(_) => Ok(said),
        _ => Err(Error::new(said.span(), "the version of a schema is a whole number: `version = 2`")),
    }
}

/// A field by its name or number, a place in `self`, or any other expression.
fn read_key(input: &DeriveInput, said: Expr) -> Result<Key> {
    let field = match &said {
        Expr::Path(path) => path.path.get_ident().filter(|name| *name != "self").map(|name| Member::from(name.clone())),
        Expr::Lit(ExprLit { lit: Lit::Int(number), .. }) => Some(Member::from(number.base10_parse::<usize>()?)),
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => {
            let text = text.value();
            return Err(Error::new(said.span(), format!("the key is a field or an expression, not a text: `key = {text}`")));
        }
        _ => None,
    };
    if let Some(field) = field {
        check_field(input, &field, said.span())?;
        return Ok(Key::Place(syn::parse_quote_spanned!(said.span() => self.#field)));
    }
    Ok(match said {
        Expr::Field(_) => Key::Place(said),
        _ => Key::Value(said),
    })
}

fn check_field(input: &DeriveInput, field: &Member, at: Span) -> Result<()> {
    let name = &input.ident;
    let Data::Struct(data) = &input.data else {
        let text = format!("`{name}` is no struct, and has no fields of its own: `key = self.key_text()`");
        return Err(Error::new(at, text));
    };
    let known: Vec<String> = data.fields.members().map(|member| named(&member)).collect();
    if known.contains(&named(field)) {
        return Ok(());
    }
    let fields = match data.fields {
        Fields::Unit => "it has none".to_owned(),
        _ => format!("it has `{}`", known.join("`, `")),
    };
    Err(Error::new(at, format!("`{name}` has no field `{}`: {fields}", named(field))))
}

fn named(member: &Member) -> String {
    match member {
        Member::Named(name) => name.to_string(),
        Member::Unnamed(index) => index.index.to_string(),
    }
}
