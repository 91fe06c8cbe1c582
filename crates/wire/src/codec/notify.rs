//! The bytes of what the service and a notification agent say to each other. Tags are in
//! `PROTOCOL.md`.

use super::{
    COMMAND_WORD_MAX, COMMAND_WORDS_MAX, DecodeError, EncodeError, Message, Part, Reader, Writer,
};
use crate::notify::{FromNotify, ToNotify};

impl Message for ToNotify {
    fn encode(&self) -> Result<Vec<u8>, EncodeError> {
        let Self::Run { words, environment, limit } = self;
        Writer::new(1)
            .list(&to_list(words), COMMAND_WORDS_MAX)
            .list(&to_list(environment), COMMAND_WORDS_MAX)
            .put(limit)
            .finish()
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut from = Reader::new(bytes)?;
        let message = match from.get::<u8>()? {
            1 => Self::Run {
                words: of_list(from.list(COMMAND_WORDS_MAX)?),
                environment: of_list(from.list(COMMAND_WORDS_MAX)?),
                limit: from.get()?,
            },
            _ => return Err(DecodeError::UnknownNumber),
        };
        from.finish(message)
    }
}

impl Message for FromNotify {
    fn encode(&self) -> Result<Vec<u8>, EncodeError> {
        match self {
            Self::Ended { status } => Writer::new(1).put(status),
            Self::NotStarted { errno } => Writer::new(2).put(errno),
        }
        .finish()
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut from = Reader::new(bytes)?;
        let message = match from.get::<u8>()? {
            1 => Self::Ended { status: from.get()? },
            2 => Self::NotStarted { errno: from.get()? },
            _ => return Err(DecodeError::UnknownNumber),
        };
        from.finish(message)
    }
}

/// One word of a command.
struct Word(Vec<u8>);

impl Part for Word {
    fn put(&self, to: &mut Writer) {
        to.put_bytes(&self.0, COMMAND_WORD_MAX);
    }

    fn get(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        from.bytes(COMMAND_WORD_MAX).map(Self)
    }
}

fn to_list(words: &[Vec<u8>]) -> Vec<Word> {
    words.iter().cloned().map(Word).collect()
}

fn of_list(words: Vec<Word>) -> Vec<Vec<u8>> {
    words.into_iter().map(|word| word.0).collect()
}
