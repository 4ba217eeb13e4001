//! Staff accounts and one's own, on pages, without a browser.

use crate::admin_pages::{Answer, Pages};

/// Sends a form of the page `at` to `to`, with the secret that the page gives.
async fn send(
    pages: &Pages,
    cookie: &str,
    at: &str,
    to: &str,
    fields: &[(&str, &str)],
) -> anyhow::Result<Answer> {
    let csrf = pages.get(cookie, at).await?.hidden("csrf").to_owned();
    let mut form = vec![("csrf", csrf.as_str())];
    form.extend(fields);
    pages.post(cookie, to, &form).await
}

/// What is shown once.
fn secret(answer: &Answer) -> String {
    let rest = answer.text.split_once("class=\"secret code\">").map_or("", |(_, rest)| rest);
    rest.split('<').next().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn an_account_is_added_changed_and_disabled() -> anyhow::Result<()> {
    let pages = Pages::start().await?;
    let admin = pages.sign_in("admin").await?;
    let staff = "/admin/staff";
    for (name, email, role, fits) in [
        ("", "new@demo.test", "viewer", false),
        ("Abe Rin", "nobody", "viewer", false),
        ("Abe Rin", "new@demo.test", "root", false),
        ("Abe Rin", "EC@demo.test", "viewer", false),
        ("Abe Rin", "new@demo.test", "viewer", true),
    ] {
        let fields = [("name", name), ("email", email), ("role", role)];
        let answer = send(&pages, &admin, staff, staff, &fields).await?;
        assert_eq!(answer.status, if fits { 200 } else { 422 }, "{name} {email} {role}");
        if fits {
            let password = secret(&answer);
            assert!(password.len() > 20, "{password}");
            let cookie = pages.sign_in_with("new@demo.test", &password).await?;
            assert_eq!(pages.get(&cookie, "/admin/coupons").await?.status, 200);
            assert_eq!(pages.get(&cookie, staff).await?.status, 403, "a viewer");
        }
    }
    let member = "/admin/staff/5";
    let changed = send(&pages, &admin, member, "/admin/staff/5/role", &[("role", "ec_admin")]);
    assert_eq!(changed.await?.leads_to(), "/admin/staff/5?done=staff");
    let reset = send(&pages, &admin, member, "/admin/staff/5/reset", &[]).await?;
    let cookie = pages.sign_in_with("new@demo.test", &secret(&reset)).await?;
    assert!(pages.get(&cookie, "/admin/me").await?.text.contains("EC"), "the new role");
    let disabled = send(&pages, &admin, member, "/admin/staff/5/disable", &[]).await?;
    assert_eq!(disabled.status, 303);
    assert_eq!(pages.get(&cookie, "/admin/me").await?.status, 303, "signed out at once");
    assert!(pages.sign_in_with("new@demo.test", &secret(&reset)).await.is_err());
    send(&pages, &admin, member, "/admin/staff/5/enable", &[]).await?;
    pages.sign_in_with("new@demo.test", &secret(&reset)).await?;
    let own = send(&pages, &admin, staff, "/admin/staff/4/disable", &[]).await?;
    assert_eq!(own.status, 403, "nobody locks themselves out");
    let manager = pages.sign_in("manager").await?;
    let refused = send(&pages, &manager, "/admin/me", "/admin/staff/1/disable", &[]).await?;
    assert_eq!(refused.status, 403);
    Ok(())
}

#[tokio::test]
async fn a_password_is_changed_by_whoever_knows_it() -> anyhow::Result<()> {
    let pages = Pages::start().await?;
    let (here, there) = (pages.sign_in("manager").await?, pages.sign_in("manager").await?);
    let to = "/admin/me/password";
    for (current, new, again, fits) in [
        ("wrong", "a-new-password", "a-new-password", false),
        ("kaeru-demo", "short", "short", false),
        ("kaeru-demo", "a-new-password", "another-password", false),
        ("kaeru-demo", "a-new-password", "a-new-password", true),
    ] {
        let fields = [("current", current), ("new", new), ("again", again)];
        let answer = send(&pages, &here, "/admin/me", to, &fields).await?;
        assert_eq!(answer.status, if fits { 303 } else { 422 }, "{current} {new} {again}");
        assert_eq!(pages.get(&there, "/admin/me").await?.status, if fits { 303 } else { 200 });
        assert_eq!(answer.sets_cookie(), fits, "signed in again here");
    }
    assert!(pages.sign_in("manager").await.is_err(), "the old password");
    pages.sign_in_with("manager@demo.test", "a-new-password").await?;
    Ok(())
}

#[tokio::test]
async fn a_token_works_until_it_is_taken_back() -> anyhow::Result<()> {
    let pages = Pages::start().await?;
    let cookie = pages.sign_in("viewer").await?;
    let to = "/admin/me/tokens";
    for (name, days, scope, status) in [
        ("", "30", "see", 422),
        ("Report", "0", "see", 400),
        ("Report", "30", "", 422),
        ("Report", "30", "fly", 422),
        ("Report", "30", "cancel", 403),
        ("Report", "30", "see", 200),
    ] {
        let fields = [("name", name), ("days", days), ("scope", scope)];
        let fields = if scope.is_empty() { &fields[..2] } else { &fields };
        let answer = send(&pages, &cookie, "/admin/me", to, fields).await?;
        assert_eq!(answer.status, status, "{name} {days} {scope}");
        if status == 200 {
            let token = secret(&answer);
            assert_eq!(pages.me(&token).await?, 200);
            let me = pages.get(&cookie, "/admin/me").await?;
            assert!(me.text.contains("Report") && !me.text.contains(&token));
            assert_eq!(me.text.matches("クーポン・注文・顧客の閲覧").count(), 2);
            let digest = me.hidden("id").to_owned();
            let manager = pages.sign_in("manager").await?;
            let fields = [("id", digest.as_str())];
            let revoke = "/admin/me/tokens/revoke";
            let stranger = send(&pages, &manager, "/admin/me", revoke, &fields).await?;
            assert_eq!((stranger.status, pages.me(&token).await?), (404, 200));
            let owner = send(&pages, &cookie, "/admin/me", revoke, &fields).await?;
            assert_eq!((owner.status, pages.me(&token).await?), (303, 401));
        }
    }
    Ok(())
}

#[tokio::test]
async fn signing_out_everywhere_ends_every_session_of_one_s_own() -> anyhow::Result<()> {
    let pages = Pages::start().await?;
    let (here, there) = (pages.sign_in("ec").await?, pages.sign_in("ec").await?);
    let other = pages.sign_in("viewer").await?;
    let over = send(&pages, &here, "/admin/me", "/admin/me/sign-out", &[]).await?;
    assert_eq!((over.status, over.leads_to()), (303, "/admin/sign-in"));
    for (cookie, status) in [(&here, 303), (&there, 303), (&other, 200)] {
        assert_eq!(pages.get(cookie, "/admin/me").await?.status, status);
    }
    Ok(())
}

#[tokio::test]
async fn a_second_factor_is_offered_to_whoever_knows_the_password() -> anyhow::Result<()> {
    let pages = Pages::start().await?;
    let cookie = pages.sign_in("manager").await?;
    let to = "/admin/me/factor";
    let wrong = send(&pages, &cookie, "/admin/me", to, &[("password", "wrong")]).await?;
    assert_eq!((wrong.status, wrong.text.contains("role=\"alert\"")), (403, true));
    let shown = send(&pages, &cookie, "/admin/me", to, &[("password", "kaeru-demo")]).await?;
    assert!(shown.text.contains("<svg") && secret(&shown).len() == 32, "{}", shown.text);
    let confirm = "/admin/me/factor/confirm";
    let guess = send(&pages, &cookie, "/admin/me", confirm, &[("code", "000000")]).await?;
    assert_eq!(guess.status, 422);
    pages.sign_in("manager").await?;
    Ok(())
}
