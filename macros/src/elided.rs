//! The lifetimes that a type leaves out, or writes as `'_`.

use syn::punctuated::Punctuated;
use syn::{
    AngleBracketedGenericArguments, GenericArgument, Lifetime, Path, PathArguments, Token, Type,
    TypeParamBound,
};

/// Writes what `name` gives in the place of each, in their order.
///
/// Those within the parentheses of `fn(..)` and `Fn(..)` are their own.
///
/// Input:  `Pin<&mut Cow<'_, str>>`
/// Output: `Pin<&'life0 mut Cow<'life1, str>>`
pub(crate) fn replace(ty: &mut Type, name: &mut dyn FnMut() -> Lifetime) {
    match ty {
        Type::Array(ty) => replace(&mut ty.elem, name),
        Type::Group(ty) => replace(&mut ty.elem, name),
        Type::Paren(ty) => replace(&mut ty.elem, name),
        Type::Ptr(ty) => replace(&mut ty.elem, name),
        Type::Slice(ty) => replace(&mut ty.elem, name),
        Type::Tuple(ty) => ty.elems.iter_mut().for_each(|ty| replace(ty, name)),
        Type::Reference(ty) => {
            match &mut ty.lifetime {
                Some(lifetime) => in_lifetime(lifetime, name),
                elided => *elided = Some(name()),
            }
            replace(&mut ty.elem, name);
        }
        Type::Path(ty) => {
            if let Some(of) = &mut ty.qself {
                replace(&mut of.ty, name);
            }
            in_path(&mut ty.path, name);
        }
        Type::ImplTrait(ty) => in_bounds(&mut ty.bounds, name),
        Type::TraitObject(ty) => in_bounds(&mut ty.bounds, name),
        _ => {}
    }
}

fn in_lifetime(lifetime: &mut Lifetime, name: &mut dyn FnMut() -> Lifetime) {
    if lifetime.ident == "_" {
        *lifetime = name();
    }
}

fn in_path(path: &mut Path, name: &mut dyn FnMut() -> Lifetime) {
    for segment in &mut path.segments {
        if let PathArguments::AngleBracketed(arguments) = &mut segment.arguments {
            in_arguments(arguments, name);
        }
    }
}

fn in_arguments(
    arguments: &mut AngleBracketedGenericArguments,
    name: &mut dyn FnMut() -> Lifetime,
) {
    for argument in &mut arguments.args {
        match argument {
            GenericArgument::Lifetime(lifetime) => in_lifetime(lifetime, name),
            GenericArgument::Type(ty) => replace(ty, name),
            GenericArgument::AssocType(of) => {
                if let Some(arguments) = &mut of.generics {
                    in_arguments(arguments, name);
                }
                replace(&mut of.ty, name);
            }
            GenericArgument::Constraint(of) => in_bounds(&mut of.bounds, name),
            _ => {}
        }
    }
}

fn in_bounds(
    bounds: &mut Punctuated<TypeParamBound, Token![+]>,
    name: &mut dyn FnMut() -> Lifetime,
) {
    for bound in bounds {
        match bound {
            TypeParamBound::Lifetime(lifetime) => in_lifetime(lifetime, name),
            TypeParamBound::Trait(bound) => in_path(&mut bound.path, name),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use quote::{ToTokens, format_ident};
    use syn::{Lifetime, Type, parse_str};

    #[test]
    fn each_has_a_name_of_its_own_in_the_order_they_are_written() {
        for (written, expected) in [
            ("u8", "u8"),
            ("&str", "&'a0 str"),
            ("&'s mut [&str]", "&'s mut [&'a0 str]"),
            (
                "(&A, [&B; 2], *const &C)",
                "(&'a0 A, [&'a1 B; 2], *const &'a2 C)",
            ),
            ("Pin<&mut Cow<'_, str>>", "Pin<&'a0 mut Cow<'a1, str>>"),
            (
                "<&A as Into<Out<'_>>>::Item",
                "<&'a0 A as Into<Out<'a1>>>::Item",
            ),
            (
                "impl Iterator<Item = &str> + '_",
                "impl Iterator<Item = &'a0 str> + 'a1",
            ),
            (
                "Box<dyn Iterator<Item: Into<&A>> + '_>",
                "Box<dyn Iterator<Item: Into<&'a0 A>> + 'a1>",
            ),
            (
                "(fn(&A) -> &B, &dyn Fn(&A) -> &B)",
                "(fn(&A) -> &B, &'a0 dyn Fn(&A) -> &B)",
            ),
        ] {
            let mut ty: Type = parse_str(written).unwrap();
            let mut count = 0;
            super::replace(&mut ty, &mut || {
                let ident = format_ident!("a{count}");
                count += 1;
                Lifetime::new(&format!("'{ident}"), ident.span())
            });
            let expected: Type = parse_str(expected).unwrap();
            let texts = [ty, expected].map(|ty| ty.to_token_stream().to_string());
            assert_eq!(texts[0], texts[1], "{written}");
        }
    }
}
