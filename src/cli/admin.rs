//! Tokens and people, from the command line: through the admin socket of a running hub, or on the database
//! itself, under its lock, where none runs.

use std::io::{BufRead, BufReader, IsTerminal, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use crate::auth::admin::{NewToken, NewUser, TokenChange, TokenInfo, UserChange};
use crate::auth::{Access, AdminAnswer, AdminRequest};
use crate::config::Config;
use crate::domain::Timestamp;
use crate::protocol::Topics;
use crate::server::admin::{Reply, answer, socket_path};
use crate::server::{access_settings, store_options};
use crate::store::{self, Db, Readers};
use crate::telemetry::clock::now;

use super::args::{DatabaseArgs, Span, TokenAction, TokenArgs, UserAction, UserArgs};
use super::failure::{Failure, Refusal};
use super::local::database_config;
use super::output::{Output, clean, note};

/// How long the hub may take: hashing a password takes a while.
const ANSWER_WAIT: Duration = Duration::from_secs(15);
/// Characters of a password that is made here; 32 signs each, so 100 bits.
const GENERATED_CHARS: usize = 20;
/// Signs that nobody takes for others.
const SIGNS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// Makes, lists and takes back tokens.
pub(super) fn token(args: TokenArgs, out: &mut Output) -> Result<(), Failure> {
    let request = match args.action {
        TokenAction::Create { name, role, expires, topics } => {
            let topics = match topics.as_slice() {
                [] => None,
                names => Some(Topics::from_names(names.iter().map(String::as_str)).map_err(usage)?),
            };
            let expires_at = expires.map(end);
            AdminRequest::CreateToken(NewToken { name, role: role.into_role(), expires_at, topics })
        }
        TokenAction::List => AdminRequest::ListTokens,
        TokenAction::Renew { name, expires, never: _ } => {
            let change = TokenChange { expires_at: expires.map(end) };
            AdminRequest::RenewToken { name, change }
        }
        TokenAction::Revoke { name } => AdminRequest::RevokeToken { name },
    };
    show(ask(&args.database, request)?, args.json, out)
}

fn end(span: Span) -> Timestamp {
    Timestamp::from_millis(now().millis() + span.millis())
}

/// Adds, lists, changes and removes people.
pub(super) fn user(args: UserArgs, out: &mut Output) -> Result<(), Failure> {
    let request = match args.action {
        UserAction::Add { email, role, generate } => {
            let password = new_password(generate)?;
            AdminRequest::AddUser(NewUser { email, role: role.into_role(), password })
        }
        UserAction::List => AdminRequest::ListUsers,
        UserAction::Role { email, role } => {
            let change = UserChange { role: Some(role.into_role()), password: None };
            AdminRequest::ChangeUser { email, change }
        }
        UserAction::Password { email, generate } => {
            let change = UserChange { role: None, password: Some(new_password(generate)?) };
            AdminRequest::ChangeUser { email, change }
        }
        UserAction::Remove { email } => AdminRequest::RemoveUser { email },
        UserAction::Sessions => AdminRequest::ListSessions,
        UserAction::EndSession { id } => AdminRequest::EndSession { id },
    };
    show(ask(&args.database, request)?, args.json, out)
}

/// Gives the log a new audit key.
pub(super) fn rekey(args: &DatabaseArgs, out: &mut Output) -> Result<(), Failure> {
    let config = database_config(args)?;
    let path = config.database_path();
    let options = store_options(&config).map_err(|error| Failure::Local(error.to_string()))?;
    store::rekey(&options).map_err(|error| Failure::Local(error.to_string()))?;
    out.line(format!(
        "{} has a new key; what was written before can be checked no more, keep a copy of it",
        path.display()
    ))
}

/// Asks the hub over this database, or does it here where none runs.
fn ask(database: &DatabaseArgs, request: AdminRequest) -> Result<AdminAnswer, Failure> {
    let config = database_config(database)?;
    let reply = match UnixStream::connect(socket_path(&config.database_path())) {
        Ok(stream) => over(stream, &request)
            .map_err(|error| Failure::Local(format!("the hub's admin socket broke off: {error}")))?,
        // Nobody listens, so nobody serves: the lock of the database tells for sure.
        Err(_) => here(&config, request)?,
    };
    match reply {
        Reply::Done(answer) => Ok(answer),
        Reply::Refused(error) => {
            let body = serde_json::json!({ "error": error });
            Err(Failure::Refused(Refusal::from_answer(error.status_code, &body)))
        }
    }
}

fn over(mut stream: UnixStream, request: &AdminRequest) -> std::io::Result<Reply> {
    stream.set_read_timeout(Some(ANSWER_WAIT))?;
    let mut line = serde_json::to_string(request)?;
    line.push('\n');
    stream.write_all(line.as_bytes())?;
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer)?;
    Ok(serde_json::from_str(&answer)?)
}

fn here(config: &Config, request: AdminRequest) -> Result<Reply, Failure> {
    actix_rt::System::new().block_on(async {
        let failed = |error: store::StoreError| Failure::Local(error.to_string());
        let options = store_options(config).map_err(|error| Failure::Local(error.to_string()))?;
        let opened = store::open(&options).map_err(failed)?;
        let _lock = opened.lock;
        let readers = Readers::start(options.path.clone()).map_err(failed)?;
        let db = Db::start(opened.conn, options, opened.key, opened.recovered.chain);
        let access = Access::open(access_settings(config), db, readers, now).await.map_err(failed)?;
        Ok(answer(&access, request).await)
    })
}

fn usage(error: crate::domain::Error) -> Failure {
    Failure::Usage(error.to_string())
}

/// A password from the prompt, from a pipe, or made here and told on stderr.
fn new_password(generate: bool) -> Result<String, Failure> {
    let unread = |error: std::io::Error| Failure::Local(format!("cannot read the password: {error}"));
    if generate {
        let password = generated();
        note(&format!("password: {password}"));
        return Ok(password);
    }
    if !std::io::stdin().is_terminal() {
        let mut line = String::new();
        std::io::stdin().read_line(&mut line).map_err(unread)?;
        return Ok(line.trim_end_matches(['\r', '\n']).to_owned());
    }
    let password = rpassword::prompt_password("Password: ").map_err(unread)?;
    if rpassword::prompt_password("Once more: ").map_err(unread)? != password {
        return Err(Failure::Usage("the two were not the same".to_owned()));
    }
    Ok(password)
}

fn generated() -> String {
    let mut random = [0; GENERATED_CHARS];
    getrandom::fill(&mut random).expect("the operating system gives random bytes once it is up");
    // 32 signs divide 256, so that each is as likely as any other.
    random.iter().map(|byte| char::from(SIGNS[usize::from(*byte) % SIGNS.len()])).collect()
}

/// Shows an answer to people, or as one JSON object.
fn show(answer: AdminAnswer, json: bool, out: &mut Output) -> Result<(), Failure> {
    if json {
        let value = match &answer {
            AdminAnswer::TokenCreated(created) => serde_json::to_value(created),
            AdminAnswer::Token(token) => serde_json::to_value(token),
            AdminAnswer::Tokens { tokens } => serde_json::to_value(tokens),
            AdminAnswer::User(user) => serde_json::to_value(user),
            AdminAnswer::Users { users } => serde_json::to_value(users),
            AdminAnswer::Sessions { sessions } => serde_json::to_value(sessions),
            AdminAnswer::Done => Ok(serde_json::json!({ "done": true })),
        };
        return out.line(value.expect("an answer is plain data").to_string());
    }
    match answer {
        AdminAnswer::TokenCreated(created) => {
            note(&format!(
                "{} may act as {}; the token is told this once:",
                created.info.name, created.info.role
            ));
            out.line(created.token)
        }
        AdminAnswer::Token(token) => out.line(line(&token)),
        AdminAnswer::Tokens { tokens } => tokens.iter().try_for_each(|token| out.line(line(token))),
        AdminAnswer::User(user) => out.line(format!("{} is {}", user.email, user.role)),
        AdminAnswer::Users { users } => users.iter().try_for_each(|user| {
            out.line(format!("{:<40} {:<10} since {}", user.email, user.role.as_str(), user.created_at))
        }),
        AdminAnswer::Sessions { sessions } => sessions.iter().try_for_each(|session| {
            out.line(format!(
                "{} {:<32} seen {} from {}",
                session.id,
                session.email,
                session.seen_at,
                clean(&session.address)
            ))
        }),
        AdminAnswer::Done => out.line("done"),
    }
}

fn line(token: &TokenInfo) -> String {
    let when = |at: Option<Timestamp>| at.map_or_else(|| "never".to_owned(), |at| at.to_string());
    let from = token.used_from.as_deref().map(|from| format!(" from {}", clean(from))).unwrap_or_default();
    let (expires, used) = (when(token.expires_at), when(token.used_at));
    format!("{:<24} {:<10} expires {expires:<26} last used {used}{from}", token.name, token.role.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_that_is_made_here_is_long_and_never_the_same() {
        let (one, other) = (generated(), generated());
        assert!(one.len() == GENERATED_CHARS && one != other);
        assert!(one.bytes().all(|byte| SIGNS.contains(&byte)));
    }
}
