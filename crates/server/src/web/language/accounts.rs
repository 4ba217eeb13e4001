//! What staff read about their own accounts.

/// A problem's title, and what to do about it.
type Text = (&'static str, &'static str);

pub fn english(code: &str) -> Option<Text> {
    Some(match code {
        "second-factor-missing" => {
            ("The code is missing", "Enter the code that your authenticator app shows now.")
        }
        "second-factor-set" => {
            ("There is a second factor", "Remove it first, then set up the new one.")
        }
        "second-factor-wrong" => {
            ("The code does not fit", "Wait for the next one, and check the telephone's clock.")
        }
        "csrf-token-missing" => {
            ("This page is too old", "Nothing was changed. Open the page again and repeat it.")
        }
        "sign-in-needed" => {
            ("Sign in for this", "A token cannot change the account: sign in with the password.")
        }
        "not-permitted" => ("Not permitted", "Your role may not do this. Ask an administrator."),
        "sign-in-failed" => {
            ("Could not sign in", "The e-mail address, the password or the code is wrong.")
        }
        "provider-failed" => (
            "Could not sign in there",
            "The identity provider could not be asked, or what it said does not fit. Try again, or \
             sign in with the password.",
        ),
        "provider-unknown-account" => (
            "No account here",
            "The identity provider knows you, and no account here has that e-mail address. Ask an \
             administrator.",
        ),
        "provider-several-shops" => (
            "Several accounts",
            "That e-mail address works for several shops. Sign in with the password, and choose.",
        ),
        _ => return None,
    })
}

pub fn japanese(code: &str) -> Option<Text> {
    Some(match code {
        "second-factor-missing" => {
            ("確認コードが必要です", "認証アプリに表示されているコードを入力してください。")
        }
        "second-factor-set" => {
            ("二段階認証は設定済みです", "先に解除してから、新しく設定してください。")
        }
        "second-factor-wrong" => {
            ("確認コードが違います", "次のコードでお試しください。端末の時計もご確認ください。")
        }
        "csrf-token-missing" => (
            "ページの有効期限が切れました",
            "何も変更されていません。ページを開き直して、もう一度操作してください。",
        ),
        "sign-in-needed" => (
            "ログインが必要です",
            "トークンではアカウントを変更できません。パスワードでログインしてください。",
        ),
        "not-permitted" => {
            ("権限がありません", "この操作は許可されていません。管理者にご相談ください。")
        }
        "sign-in-failed" => {
            ("ログインできません", "メールアドレス、パスワード、または確認コードが違います。")
        }
        "provider-failed" => (
            "ログインできませんでした",
            "認証サービスを確認できませんでした。もう一度お試しいただくか、パスワードでログインしてください。",
        ),
        "provider-unknown-account" => (
            "アカウントがありません",
            "このメールアドレスのアカウントは登録されていません。管理者にご相談ください。",
        ),
        "provider-several-shops" => (
            "アカウントが複数あります",
            "複数のショップで使われているメールアドレスです。パスワードでログインしてください。",
        ),
        _ => return None,
    })
}

pub fn chinese(code: &str) -> Option<Text> {
    Some(match code {
        "second-factor-missing" => ("需要驗證碼", "請輸入驗證器應用程式目前顯示的驗證碼。"),
        "second-factor-set" => ("已設定兩步驟驗證", "請先移除，再重新設定。"),
        "second-factor-wrong" => ("驗證碼不正確", "請等下一組驗證碼，並確認手機的時間。"),
        "csrf-token-missing" => ("頁面已過期", "沒有任何變更。請重新開啟頁面再操作。"),
        "sign-in-needed" => ("請先登入", "權杖不能變更帳號，請用密碼登入。"),
        "not-permitted" => ("沒有權限", "您的角色不能執行這項操作，請洽管理員。"),
        "sign-in-failed" => ("無法登入", "電子郵件、密碼或驗證碼不正確。"),
        "provider-failed" => ("無法登入", "無法向身分驗證服務確認。請再試一次，或改用密碼登入。"),
        "provider-unknown-account" => ("沒有帳號", "這個電子郵件沒有帳號，請洽管理員。"),
        "provider-several-shops" => {
            ("有多個帳號", "這個電子郵件用於多家商店，請用密碼登入並選擇商店。")
        }
        _ => return None,
    })
}
