"""The pages' addresses."""

from django.urls import path

from portal.pages import (
    accounts,
    audits,
    captions,
    disputes,
    evaluations,
    health,
    home,
    me,
    media,
    reviews,
    tasks,
    work,
)

app_name = "pages"
urlpatterns = [
    path("", home.home, name="home"),
    path("sign-in", accounts.SignIn.as_view(), name="sign-in"),
    path("sign-out", accounts.SignOut.as_view(), name="sign-out"),
    path("password", accounts.ChangePassword.as_view(), name="password"),
    path("join/<str:secret>", accounts.join, name="join"),
    path("join/<str:secret>/as-me", accounts.join_as, name="join-as"),
    path("setup/<str:secret>", accounts.set_up, name="setup"),
    path("work/<slug:slug>", work.workbench, name="work"),
    path("work/<slug:slug>/skip", work.skip, name="skip"),
    path("work/<slug:slug>/release", work.release, name="release"),
    path("work/<slug:slug>/heartbeat", work.heartbeat, name="heartbeat"),
    path("work/<slug:slug>/draft", work.draft, name="draft"),
    path("work/<slug:slug>/resume/<int:pk>", work.resume, name="resume"),
    path("mine", captions.mine, name="mine"),
    path("captions/<int:pk>/edit", captions.edit, name="edit"),
    path("captions/<int:pk>/withdraw", captions.withdraw, name="withdraw"),
    path("review/<slug:slug>", reviews.review, name="review"),
    path("disputes/<slug:slug>", disputes.disputes, name="disputes"),
    path("disputes/<slug:slug>/<int:pk>", disputes.dispute, name="dispute"),
    path("disputes/<slug:slug>/<int:pk>/leave", disputes.leave, name="leave-dispute"),
    path("audit/<slug:slug>", audits.audit, name="audit"),
    path("audit/<slug:slug>/later", audits.later, name="audit-later"),
    path("outcomes/<slug:slug>", tasks.outcomes, name="outcomes"),
    path("tasks/<int:pk>", tasks.task, name="task"),
    path("me/<slug:slug>", me.me, name="me"),
    path("models/<slug:slug>", evaluations.models, name="models"),
    path("evaluations/<int:pk>", evaluations.evaluation, name="evaluation"),
    path("evaluations/<int:pk>/promote", evaluations.promote, name="promote"),
    path("media/videos/<uuid:uid>", media.video, name="video"),
    path("media/videos/<uuid:uid>/thumbnail", media.thumbnail, name="thumbnail"),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
]
