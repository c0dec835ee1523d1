//! Names of levels in other languages than English, as PostgreSQL, `java.util.logging` and GNU programs translate them.

use crate::scan::level::name::Level;

/// The longest name, in bytes.
const NAME_BYTES_MAX: usize = 32;

/// The level that `word` names in another language, in the case in which programs write it.
pub(super) fn word(word: &[u8]) -> Option<Level> {
    if word.len() > NAME_BYTES_MAX {
        return None;
    }
    Some(match std::str::from_utf8(word).ok()? {
        "FATALE" | "PANIK" | "PANIKA" | "致命错误" => Level::Critical,
        "FEHLER" | "ERREUR" | "Erreur" | "erreur" | "ERRORE" | "Errore" | "errore" | "GRAVE"
        | "SCHWERWIEGEND" | "ОШИБКА" | "错误" | "严重" | "エラー" => Level::Error,
        "WARNUNG"
        | "ATTENTION"
        | "AVERTISSEMENT"
        | "ADVERTENCIA"
        | "ADVERTÊNCIA"
        | "AVISO"
        | "ATTENZIONE"
        | "AVVERTENZA"
        | "ПРЕДУПРЕЖДЕНИЕ"
        | "警告" => Level::Warn,
        "HINWEIS" | "AVVISO" | "NOTIFICA" | "ЗАМЕЧАНИЕ" | "注意" => Level::Notice,
        "INFOS"
        | "INFORMACIÓN"
        | "INFORMAÇÕES"
        | "INFORMAZIONI"
        | "СООБЩЕНИЕ"
        | "ОТМЕТКА"
        | "ИНФОРМАЦИЯ"
        | "日志"
        | "信息"
        | "情報" => Level::Info,
        "ОТЛАДКА" => Level::Debug,
        _ => return None,
    })
}

/// Whether PostgreSQL writes `tag` before what explains the line before.
pub(super) fn is_explanation(tag: &[u8]) -> bool {
    matches!(
        tag,
        b"STATEMENT"
            | b"DETAIL"
            | b"HINT"
            | b"CONTEXT"
            | b"QUERY"
            | b"LOCATION"
            | b"BACKTRACE"
            | b"ANWEISUNG"
            | b"TIPP"
            | b"ZUSAMMENHANG"
            | b"INSTRUCTION"
            | b"ASTUCE"
            | b"CONTEXTE"
            | b"SENTENCIA"
            | b"DETALLE"
            | b"CONTEXTO"
            | b"COMANDO"
            | b"DETALHE"
            | b"DICA"
            | b"ISTRUZIONE"
            | b"DETTAGLI"
    ) || matches!(
        std::str::from_utf8(tag),
        Ok("DÉTAIL"
            | "ОПЕРАТОР"
            | "ПОДРОБНОСТИ"
            | "ПОДСКАЗКА"
            | "КОНТЕКСТ"
            | "语句"
            | "详细信息"
            | "提示"
            | "上下文"
            | "文"
            | "詳細"
            | "ヒント"
            | "명령 구문"
            | "상세정보")
    )
}
