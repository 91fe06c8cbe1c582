//! What is said to a proxy message by message, and all of it on one connection.
//!
//! ```text
//!  we: first message ─▶ 407, with theirs ─▶ we: next message ─▶ … ─▶ no 407, or one without a message
//! ```
//!
//! Answers one question: *the proxy said 407 to what we said last: what is said next?* Whoever has the
//! connection asks it, be it for a request that the proxy reads or for a tunnel, and says the answer on
//! the same one. NTLM wants to have it so; Negotiate needs it where one ticket is not all.
//!
//! What a proxy may try: messages without end, a page of any length beside them, and to close in the
//! middle. Each ends the talk, and is told.

use super::challenge::Challenges;
use super::login::{Login, LoginScheme};
use super::standing::Why;
use super::talk::{Spoken, Talk, Tickets, begin};
use super::token_value;
use crate::client::{Body, ExchangeError, Link, Terms};
use crate::resolve::Lookups;
use bytes::Bytes;
use http::header::{HeaderValue, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION};
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::Empty;
use std::sync::Arc;
use tokio::sync::Mutex;

/// The most messages of ours in one talk.
pub(super) const MOST_MESSAGES: usize = 5;

/// What proxies are told.
#[derive(Clone, Default)]
pub(crate) struct Told {
    /// With each request that they read.
    pub(crate) fields: HeaderMap,
    /// When they answer the first of these with a question.
    pub(crate) turns: Option<Arc<Mutex<Turns>>>,
}

/// A talk with a proxy, which has begun.
pub(crate) struct Turns {
    scheme: LoginScheme,
    /// Gone when nothing more is to be said.
    talk: Option<Box<dyn Talk>>,
    left: usize,
    why: Why,
}

impl Told {
    pub(super) fn once(value: HeaderValue) -> Self {
        Self { fields: HeaderMap::from_iter([(PROXY_AUTHORIZATION, value)]), turns: None }
    }

    /// Begins to talk with a proxy at this host.
    pub(crate) async fn in_turns(
        login: Login,
        host: String,
        tickets: Option<Arc<dyn Tickets>>,
        lookups: &mut Lookups,
    ) -> Result<Self, String> {
        let scheme = login.scheme;
        let first = move || {
            let mut talk = begin(&login, &host, tickets.as_ref(), None)?;
            let spoken = talk.answer(None)?;
            Ok((talk, spoken))
        };
        let (talk, spoken) = lookups.block(first).await.unwrap_or_else(|| Err(called_off()))?;
        let mut turns = Turns { scheme, talk: None, left: MOST_MESSAGES - 1, why: Why::Rejected };
        let value = turns.say(talk, spoken)?;
        Ok(Self { turns: Some(Arc::new(Mutex::new(turns))), ..Self::once(value) })
    }

    /// Why the talk led nowhere, if there was one.
    pub(super) async fn why(&self) -> Option<(LoginScheme, Why)> {
        let turns = self.turns.as_ref()?.lock().await;
        Some((turns.scheme, turns.why.clone()))
    }
}

impl Turns {
    /// What to say to this 407; nothing if that was its last word, or there is nothing to say.
    pub(crate) async fn next(
        &mut self,
        fields: &HeaderMap,
        lookups: &mut Lookups,
    ) -> Option<HeaderValue> {
        let mut talk = self.talk.take()?;
        let challenges = Challenges::read(fields, &PROXY_AUTHENTICATE);
        let token = challenges.token(self.scheme).filter(|token| !token.is_empty())?.to_vec();
        let Some(left) = self.left.checked_sub(1) else {
            self.give_up("the proxy goes on and on");
            return None;
        };
        self.left = left;
        let answer = move || {
            let spoken = talk.answer(Some(&token))?;
            Ok((talk, spoken))
        };
        let answered = lookups.block(answer).await.unwrap_or_else(|| Err(called_off()));
        match answered.and_then(|(talk, spoken)| self.say(talk, spoken)) {
            Ok(value) => Some(value),
            Err(why) => {
                self.give_up(&why);
                None
            }
        }
    }

    /// The proxy closed the connection when it was our turn.
    pub(crate) fn is_broken_off(&mut self) {
        self.give_up("the proxy closed the connection in the middle of it");
    }

    fn give_up(&mut self, why: &str) {
        self.why = Why::Unusable(why.to_owned());
    }

    fn say(&mut self, talk: Box<dyn Talk>, spoken: Spoken) -> Result<HeaderValue, String> {
        let message = match spoken {
            Spoken::Say(message) => {
                self.talk = Some(talk);
                message
            }
            Spoken::SayAndDone(message) => message,
            Spoken::Done => return Err("there is nothing to say".to_owned()),
        };
        Ok(token_value(self.scheme, &message))
    }
}

/// Asks on this connection, and goes on as long as the proxy asks back.
pub(crate) async fn in_turns(
    mut link: Link,
    mut request: Request<Empty<Bytes>>,
    lookups: &mut Lookups,
    terms: &Terms,
) -> Result<(Link, Response<Body>), ExchangeError> {
    loop {
        let response = link.ask(request.clone(), terms.patience).await?;
        let turns = terms.told.turns.as_ref();
        let Some(turns) = turns.filter(|_| asks_back(&link, &response)) else {
            return Ok((link, response));
        };
        let mut turns = turns.lock().await;
        let Some(value) = turns.next(response.headers(), lookups).await else {
            return Err(link.refused(response.headers()));
        };
        let (head, body) = response.into_parts();
        if !link.cleared(body, terms.patience).await {
            turns.is_broken_off();
            return Err(link.refused(&head.headers));
        }
        request.headers_mut().insert(PROXY_AUTHORIZATION, value);
    }
}

fn asks_back(link: &Link, response: &Response<Body>) -> bool {
    response.status() == StatusCode::PROXY_AUTHENTICATION_REQUIRED && link.is_read_by_a_proxy()
}

fn called_off() -> String {
    "it was called off".to_owned()
}
