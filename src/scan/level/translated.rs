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
        | "SCHWERWIEGEND" | "ALLVARLIGT" | "ОШИБКА" | "错误" | "严重" | "嚴重" | "エラー" | "重大"
        | "致命的" | "심각" => Level::Error,
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

/// The level that `word` names if a colon follows: in PostgreSQL, and in messages of GNU compilers.
///
/// Without the colon these are words of prose. They are those of the message catalogues of PostgreSQL 15 and GCC 12.
pub(super) fn word_before_colon(word: &[u8]) -> Option<Level> {
    if word.len() > NAME_BYTES_MAX {
        return None;
    }
    Some(match std::str::from_utf8(word).ok()? {
        "PANICO" | "FATALT" | "ВАЖНО" | "ПАНИКА" | "ФАТАЛЬНО" | "ПАНІКА" | "치명적오류" | "손상"
        | "灾难性错误" | "致命錯誤" | "嚴重錯誤" | "致命的エラー" => Level::Critical,
        "Fehler" | "FEL" | "HATA" | "BŁĄD" | "ошибка" | "ПОМИЛКА" | "오류" | "錯誤" => {
            Level::Error
        }
        "Warnung"
        | "attention"
        | "VARNING"
        | "UYARI"
        | "OSTRZEŻENIE"
        | "предупреждение"
        | "ПОПЕРЕДЖЕННЯ"
        | "경고" => Level::Warn,
        "NOTIS" | "UWAGA" | "ПОВІДОМЛЕННЯ" | "알림" => Level::Notice,
        "LOGG" | "INFORMACJA" | "ЗАПИСУВАННЯ" | "ІНФОРМАЦІЯ" | "로그" | "정보" | "日誌" | "資訊" => {
            Level::Info
        }
        "НАЛАГОДЖЕННЯ" | "디버그" | "调试" | "除錯" => Level::Debug,
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
            | b"ANFRAGE"
            | b"CONSULTA"
            | b"SUGGERIMENTO"
            | b"CONTESTO"
            | b"SATS"
            | b"DETALJ"
            | b"TIPS"
            | b"KONTEXT"
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
            | "详情"
            | "查询"
            | "陳述式"
            | "查詢"
            | "文脈"
            | "問い合わせ"
            | "구문"
            | "상세정보"
            | "힌트"
            | "내용"
            | "쿼리"
            | "ЗАПРОС"
            | "ІНСТРУКЦІЯ"
            | "ВІДОМОСТІ"
            | "УКАЗІВКА"
            | "ЗАПИТ"
            | "REQUÊTE"
            | "FRÅGA")
    )
}
