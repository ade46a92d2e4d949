//! Signing in with an issuer that is trusted (OpenID Connect).

use std::sync::Arc;

use axum::{
    extract::State,
    response::{IntoResponse, Redirect, Response},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{HeaderValue, StatusCode, header, request::Parts};
use runstate_server::auth::{Begun, RelyingParty, Returned, SignInError};
use runstate_store::console::Person;

use crate::{
    Console, layout, sign_in,
    trouble::Trouble,
    visit::{Way, cookie, options},
};

/// For how many seconds somebody may be away at the issuer.
const AWAY: u64 = 600;

/// What the cookie of somebody who is away is called.
const COOKIE: &str = "runstate-sign-in";

/// The page of the console to which the issuer sends people back.
const CALLBACK: &str = "/sign-in/callback";

/// `Set-Cookie` for what the browser has to bring back. `Lax`, because it comes from the issuer's site.
fn set_cookie(way: &Way, value: &str, seconds: u64) -> Option<HeaderValue> {
    let secure = if way.secure { "; Secure" } else { "" };
    let text = format!(
        "{COOKIE}={value}; Path=/sign-in; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}"
    );
    HeaderValue::from_str(&text).ok()
}

/// What the cookie holds: what the issuer's answer has to fit, and the page that was wanted.
fn written(begun: &Begun, next: &str) -> String {
    let Begun {
        state,
        nonce,
        verifier,
    } = begun;
    format!(
        "{state}.{nonce}.{verifier}.{}",
        URL_SAFE_NO_PAD.encode(next)
    )
}

fn read(text: &str) -> Option<(Begun, String)> {
    let mut parts = text.split('.').map(str::to_owned);
    let begun = Begun {
        state: parts.next().filter(|state| !state.is_empty())?,
        nonce: parts.next()?,
        verifier: parts.next()?,
    };
    let next = URL_SAFE_NO_PAD.decode(parts.next()?).ok()?;
    Some((begun, String::from_utf8(next).ok()?))
}

fn relying_party(console: &Console) -> Result<&RelyingParty, Trouble> {
    console.sign_in.as_ref().ok_or_else(Trouble::not_found)
}

/// `GET /sign-in/open-id?next=…`: on to the issuer.
pub(crate) async fn begin(
    State(console): State<Arc<Console>>,
    parts: Parts,
) -> Result<Response, Trouble> {
    let way = Way::of(&console, &parts);
    let party = relying_party(&console)?;
    let next = sign_in::next(&options(&parts.uri));
    let redirect_uri = format!("{}{CALLBACK}", way.base);
    let (url, begun) = party.begin(&redirect_uri).await.map_err(trouble)?;
    let mut response = Redirect::to(&url).into_response();
    let cookie = set_cookie(&way, &written(&begun, &next), AWAY);
    let headers = response.headers_mut();
    headers.extend(cookie.map(|cookie| (header::SET_COOKIE, cookie)));
    Ok(response)
}

/// `GET /sign-in/callback`: back from the issuer.
pub(crate) async fn finish(
    State(console): State<Arc<Console>>,
    parts: Parts,
) -> Result<Response, Trouble> {
    let way = Way::of(&console, &parts);
    let party = relying_party(&console)?;
    let mut returned = Returned::default();
    for (name, value) in options(&parts.uri) {
        let known = match &*name {
            "code" => &mut returned.code,
            "state" => &mut returned.state,
            "iss" => &mut returned.iss,
            "error" => &mut returned.error,
            "error_description" => &mut returned.error_description,
            _ => continue,
        };
        *known = Some(value);
    }
    let away = cookie(&parts.headers, COOKIE).and_then(read);
    let (begun, next) = away.ok_or_else(|| trouble(SignInError::NotAsked))?;
    let redirect_uri = format!("{}{CALLBACK}", way.base);
    let authenticator = &console.app.authenticator;
    let signed_in = party.finish(authenticator, &begun, &returned, &redirect_uri);
    let signed_in = signed_in.await.map_err(trouble)?;
    let person = Person {
        tenant_id: signed_in.caller.tenant_id,
        user_id: signed_in.user_id,
        display_name: signed_in.display_name,
        permissions: signed_in.caller.permissions,
    };
    // Not a redirection, which would be the issuer's site asking for the page: the session's cookie is
    // not sent then.
    let answer = layout::again(Some(&next));
    let mut response = sign_in::begin(&console, &way, person, answer).await?;
    let cookie = set_cookie(&way, "", 0);
    let headers = response.headers_mut();
    headers.extend(cookie.map(|cookie| (header::SET_COOKIE, cookie)));
    Ok(response)
}

fn trouble(error: SignInError) -> Trouble {
    tracing::warn!(%error, "somebody could not sign in");
    let forbidden = |message: String| Trouble::new(StatusCode::FORBIDDEN, message);
    match error {
        SignInError::Refused(said) => forbidden(format!("The issuer says: {said}")),
        SignInError::NotAsked => forbidden(
            "This is not the answer to what this browser asked, or it took too long. Sign in again."
                .to_owned(),
        ),
        SignInError::AccessToken(_) => forbidden(
            "The issuer gave a token that is not good here. Its audience has to be one that the \
             server accepts; the setting `scope` says what to ask for."
                .to_owned(),
        ),
        SignInError::IdToken(_) => forbidden("The issuer's answer is not good here.".to_owned()),
        SignInError::Issuer(_) => Trouble::new(
            StatusCode::BAD_GATEWAY,
            "The issuer cannot be reached, or does not answer as it should. The log tells more.",
        ),
        SignInError::Random(error) => error.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_browser_brings_back_is_what_it_got() {
        let begun = Begun {
            state: "s".to_owned(),
            nonce: "n".to_owned(),
            verifier: "v".to_owned(),
        };
        let text = written(&begun, "/scripts?a=b.c");
        assert_eq!(read(&text), Some((begun, "/scripts?a=b.c".to_owned())));
        for bad in ["", "a.b.c", ".n.v.YQ", "a.b.c.?"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
