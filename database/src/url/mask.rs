//! Hiding secrets in urls, for logs, errors and `config show`.

/// What stands in place of a secret.
pub(super) const MASK: &str = "***";

/// `url` with its password and the values of its parameters replaced, for logs, errors and `config show`.
///
/// It works on any text, also on one that is no URL: better to mask too much than to show a secret. The password
/// ends at the last `@` before the path, since an unescaped one may contain an `@` itself.
pub fn mask(url: &str) -> String {
    let (front, parameters) = match url.split_once('?') {
        Some((front, parameters)) => (front, Some(parameters)),
        None => (url, None),
    };
    let mut masked = match (front.find("://"), front.rfind('@')) {
        (Some(scheme), Some(at)) if at > scheme => {
            let user_and_password = &front[scheme + 3..at];
            let user = user_and_password
                .split_once(':')
                .map_or(user_and_password, |(user, _)| user);
            let secret = if user.len() < user_and_password.len() {
                format!(":{MASK}")
            } else {
                String::new()
            };
            format!("{}{user}{secret}{}", &front[..scheme + 3], &front[at..])
        }
        // No url at all, but somebody meant one: the password may be anywhere.
        (None, Some(_)) if !front.starts_with("sqlite:") => match front.split_once(':') {
            Some((scheme, _)) => format!("{scheme}:{MASK}"),
            None => MASK.to_owned(),
        },
        _ => front.to_owned(),
    };
    for (position, parameter) in parameters
        .into_iter()
        .flat_map(|all| all.split('&'))
        .enumerate()
    {
        let name = parameter
            .split_once('=')
            .map_or(parameter, |(name, _)| name);
        masked.push(if position == 0 { '?' } else { '&' });
        masked.push_str(name);
        masked.push('=');
        masked.push_str(MASK);
    }
    masked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_hides_every_secret() {
        for (url, masked) in [
            ("mysql://u:p@h/d", "mysql://u:***@h/d"),
            ("mysql://u:p@ss:w/ord@h/d", "mysql://u:***@h/d"),
            ("mysql://u@h/d", "mysql://u@h/d"),
            ("mysql://h/d?password=p&x", "mysql://h/d?password=***&x=***"),
            ("mysql:u:p@h/d", "mysql:***"),
            ("u:p@h/d", "u:***"),
            ("sqlite:a/b.db", "sqlite:a/b.db"),
            ("sqlite:a@b.db", "sqlite:a@b.db"),
        ] {
            assert_eq!(mask(url), masked);
        }
    }
}
