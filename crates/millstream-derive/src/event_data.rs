//! Owns the `impl` of `EventData` that is written.

use crate::said::{Key, Said};
use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{DeriveInput, Result};

/// The `impl` for a type.
///
/// # Errors
/// If the type does not say what is needed.
pub(crate) fn expand(input: TokenStream) -> Result<TokenStream> {
    let input: DeriveInput = syn::parse2(input)?;
    let Said { event_type, key, version, krate } = Said::of(&input)?;
    let name = &input.ident;
    let (generics, arguments, bounds) = input.generics.split_for_impl();
    // What is no key is reported where the key is named.
    let key = match key {
        Key::Place(place) => quote_spanned!(place.span() => #krate::envelope::IntoKey::into_key(&#place)),
        Key::Value(value) => quote_spanned!(value.span() => #krate::envelope::IntoKey::into_key(#value)),
    };
    let version = version.map(|version| quote!(const SCHEMA_VERSION: u32 = #version;));
    Ok(quote! {
        #[automatically_derived]
        impl #generics #krate::envelope::EventData for #name #arguments #bounds {
            const TYPE: &'static str = #event_type;
            #version
            fn key(&self) -> #krate::envelope::Key<'_> {
                #key
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::expand;
    use quote::quote;

    fn written(input: proc_macro2::TokenStream) -> String {
        expand(input).expect("it is in order").to_string()
    }

    fn wrong(input: proc_macro2::TokenStream) -> Vec<String> {
        expand(input).expect_err("it is wrong").into_iter().map(|error| error.to_string()).collect()
    }

    #[test]
    fn a_field_is_borrowed_and_an_expression_taken() {
        let field = written(quote!(
            #[event(type = "tick", key = instrument)]
            struct Tick {
                instrument: u32,
            }
        ));
        assert!(field.contains(&quote!(::millstream::envelope::IntoKey::into_key(&self.instrument)).to_string()), "{field}");
        assert!(!field.contains("SCHEMA_VERSION"), "{field}");
        let place = written(quote!(
            #[event(type = "tick", key = self.order.account)]
            struct Tick;
        ));
        assert!(place.contains(&quote!(into_key(&self.order.account)).to_string()), "{place}");
        let value = written(quote!(
            #[event(type = "tick", key = self.text())]
            enum Tick {}
        ));
        assert!(value.contains(&quote!(into_key(self.text())).to_string()), "{value}");
        let numbered = written(quote!(
            #[event(type = "tick", key = 0, version = 2)]
            struct Tick(String);
        ));
        assert!(numbered.contains(&quote!(&self.0).to_string()), "{numbered}");
        assert!(
            numbered.contains(
                &quote!(
                    const SCHEMA_VERSION: u32 = 2;
                )
                .to_string()
            ),
            "{numbered}"
        );
    }

    #[test]
    fn generics_and_another_crate_are_taken_over() {
        let text = written(quote! {
            #[event(type = "tick", key = id, crate = crate::events)]
            struct Tick<'a, T: Clone> where T: Send { id: &'a str, data: T }
        });
        let expected = quote!(impl<'a, T: Clone> crate::events::envelope::EventData for Tick<'a, T> where T: Send);
        assert!(text.contains(&expected.to_string()), "{text}");
    }

    #[test]
    fn what_is_missing_is_said_at_once() {
        let errors = wrong(quote!(
            struct Tick {
                instrument: u32,
            }
        ));
        assert_eq!(errors.len(), 2, "{errors:?}");
        assert!(errors[0].contains("`Tick` names no event type"), "{errors:?}");
        assert!(errors[1].contains("`Tick` names no partition key"), "{errors:?}");
        let keyless = wrong(quote!(
            #[event(type = "tick")]
            struct Tick;
        ));
        assert!(keyless.len() == 1 && keyless[0].contains("add `key = field`"), "{keyless:?}");
    }

    #[test]
    fn each_wrong_word_is_answered_with_what_is_right() {
        let error = |said: proc_macro2::TokenStream| {
            wrong(quote!(
                #[event(#said)]
                struct Tick {
                    a: u8,
                    b: u8,
                }
            ))
            .remove(0)
        };
        assert_eq!(error(quote!(type = "t", key = c)), "`Tick` has no field `c`: it has `a`, `b`");
        assert_eq!(error(quote!(type = "t", key = "a")), "the key is a field or an expression, not a text: `key = a`");
        assert_eq!(error(quote!(type = tick, key = a)), "the event type is a text: `type = \"order_filled\"`");
        assert_eq!(error(quote!(type = "", key = a)), "an event type has 1 to 255 bytes, and this one has 0");
        assert_eq!(error(quote!(type = "t", key = a, key = b)), "`key` is said twice");
        assert_eq!(
            error(quote!(version = "1.0", type = "t", key = a)),
            "the version of a schema is a whole number: `version = 2`"
        );
        assert!(error(quote!(topic = "t")).starts_with("unknown word: known are `type = \"…\"`"));
        let of_an_enum = wrong(quote!(
            #[event(type = "t", key = a)]
            enum Tick {
                A { a: u8 },
            }
        ));
        assert_eq!(of_an_enum, ["`Tick` is no struct, and has no fields of its own: `key = self.key_text()`"]);
    }
}
