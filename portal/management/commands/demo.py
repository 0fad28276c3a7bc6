"""`manage.py demo`: the portal with its whole loop at work in it, on rendered clips and a captioner
that really trains.

Everything beside web server and worker is a program of its own in `examples/` that speaks the
public API. A start that was interrupted goes on where it was; later ones only start processes.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from portal.errors import PortalError
from portal.management import demos, installations, processes
from portal.management.demos import Demo
from portal.management.installations import Installation
from portal.management.processes import Child, Supervisor
from portal.models import Evaluation, Project, RetrainJob, Video
from portal.services import projects

HOST = "127.0.0.1"
N_CLIPS = 220
N_SEED_LABELS = 30
N_SETTLED = 132
SHIFTS = 4
TRAINING_PATIENCE = 120.0


class Command(BaseCommand):
    """Load the demo once, then keep web server, worker and captioner running until Ctrl-C."""

    help = "Run the portal with a worked example in it, until Ctrl-C."
    renderer: Child | None = None
    loop_began: float | None = None
    loop_seconds: float | None = None

    def add_arguments(self, parser: CommandParser) -> None:
        """Where the captioner listens; PORT and DATA_DIR come from the environment."""
        parser.add_argument("--trainer-port", type=int, default=settings.PORT + 1)
        parser.add_argument("--clips", type=int, default=N_CLIPS)

    def handle(self, *args: Any, trainer_port: int, clips: int, **options: Any) -> None:
        """Prepare, start, load, say where to look, tend, stop."""
        self.began = time.monotonic()
        self.folder = Path(settings.DATA_DIR) / "demo"
        (self.folder / "captioner").mkdir(mode=0o700, parents=True, exist_ok=True)
        self.trainer_port = trainer_port
        self.n_clips = clips
        self.supervisor = Supervisor(self.say)
        trainer = f"{HOST}:{trainer_port}"
        settings.OUTBOUND_ALLOW = [*settings.OUTBOUND_ALLOW, trainer]  # as its children are told
        try:
            processes.listen(HOST, trainer_port).close()
            house = installations.occupy(host=HOST, port=settings.PORT, supervisor=self.supervisor)
        except PortalError as refusal:
            raise CommandError(refusal.detail) from refusal
        try:
            self.renderer = self.begin_rendering()  # one core draws while the other migrates
            installations.migrate()
            self.run_demo(
                house, demos.prepare(folder=self.folder, trainer_url=f"http://{trainer}/")
            )
        except PortalError as refusal:
            raise CommandError(refusal.detail) from refusal
        finally:
            self.say("Stopping: work in hand is finished first.")
            house.close()

    def run_demo(self, house: Installation, demo: Demo) -> None:
        """Start everything, load what is not loaded yet, and keep it running."""
        allowed = {"OUTBOUND_ALLOW": ",".join(settings.OUTBOUND_ALLOW)}
        if not house.start(environment=allowed):
            if self.supervisor.stopping:
                return
            raise CommandError("The web server did not answer in a minute: its log is above.")
        demos.write_files(demo, folder=self.folder, data_dir=Path(settings.DATA_DIR))
        self.say(f"Label Portal answers at {settings.BASE_URL}")
        if self.load() and not self.supervisor.stopping:
            self.welcome(demo)
            self.supervisor.wait()

    def load(self) -> bool:
        """Run the loop once: clips, first model, crowd, retraining, evaluation."""
        done = self.folder / "loaded"
        if done.exists():
            return self.serve()
        steps: tuple[tuple[str, Callable[[], bool]], ...] = (
            ("Rendering the last clips", self.render),
            ("Starting the captioner", self.serve),
            ("Uploading them, training the first model, posting its predictions", self.seed),
            ("Simulated annotators caption and review", self.caption),
            ("The captioner trains on their consensus and is compared", self.retrain),
        )
        for title, step in steps:
            self.say(f"[{self.seconds():3.0f} s] {title} …")
            if not step():
                if self.supervisor.stopping:
                    return False
                raise CommandError(f"This step did not succeed: {title}. Start again to retry.")
        done.touch()
        return True

    def begin_rendering(self) -> Child | None:
        """Start to draw the clips, where that was not done before."""
        place = self.folder / "captioner"
        if (place / "catalogue.jsonl").exists():
            return None
        self.say("Rendering clips and making the database …")
        drawn = [*self.program("examples.captioner", "render"), str(place)]
        drawn += ["--clips", str(self.n_clips), "--seed-labels", str(N_SEED_LABELS)]
        return self.supervisor.begin(Child("renderer", drawn))

    def render(self) -> bool:
        """Wait until the clips are drawn."""
        return self.renderer is None or self.supervisor.finish(self.renderer)

    def serve(self) -> bool:
        """Keep the captioner running; it reads its clips when it starts, so they come first."""
        port = str(self.trainer_port)
        self.supervisor.add(self.captioner("serve", "--port", port))
        return self.supervisor.wait(60, until=lambda: processes.listens(HOST, self.trainer_port))

    def seed(self) -> bool:
        """Bring clips and predictions in; the loop is timed from here, in its first run."""
        if not Video.objects.filter(project__slug=demos.SHAPES).exists():
            self.loop_began = time.monotonic()
        return self.supervisor.run(self.captioner("seed", "--project", demos.SHAPES))

    def caption(self) -> bool:
        """Let the crowd work, and leave some for whoever opens the browser."""
        project = Project.objects.get(slug=demos.SHAPES)
        for _ in range(SHIFTS):
            left = self.left(project)
            if left <= 0:
                return True
            command = self.program("examples.crowd", "--config", str(self.folder / "crowd.json"))
            crowd = Child("crowd", [*command, "--stop-after", str(left)])
            if not self.supervisor.run(crowd, meanwhile=Every(3.0, lambda: self.report(project))):
                return False
        return True

    def left(self, project: Project) -> int:
        """Count the tasks still to settle: enough to look at, and enough for the first batch.

        Held-out clips settle too and fill no batch, so the second number is counted apart.
        """
        now = projects.progress(project=project)
        is_batched = RetrainJob.objects.filter(project=project).exists()
        wanting = 0 if is_batched else project.batch_size - now.n_new_consensus
        return max(N_SETTLED - now.n_settled, wanting)

    def report(self, project: Project) -> None:
        """Say how far the crowd is."""
        now = projects.progress(project=project)
        self.say(f"[{self.seconds():3.0f} s]   {now.n_captions} captions, {now.n_settled} settled")

    def retrain(self) -> bool:
        """Wait for the retraining that the consensuses have started, and for its evaluation."""
        mine = {"project__slug": demos.SHAPES}

        def compared() -> bool:
            return Evaluation.objects.filter(finished_at__isnull=False, **mine).exists()

        if self.supervisor.wait(TRAINING_PATIENCE, until=Every(0.5, compared)):
            self.tell_verdict(Evaluation.objects.filter(finished_at__isnull=False, **mine)[0])
            return True
        if self.supervisor.stopping:
            return False
        job = RetrainJob.objects.filter(**mine).order_by("-id").first()
        state = job.get_state_display() if job else "not begun"
        self.say(f"The retraining is still {state}; the console shows when it is done.")
        return True

    def tell_verdict(self, evaluation: Evaluation) -> None:
        """Say what the comparison came to."""
        if self.loop_began is not None:
            self.loop_seconds = time.monotonic() - self.loop_began
        outcome = f"{evaluation.n_wins} won, {evaluation.n_ties} tied, {evaluation.n_losses} lost"
        self.say(
            f"[{self.seconds():3.0f} s] {evaluation} on {evaluation.n_tasks} held-out clips: "
            f"{evaluation.get_verdict_display()} ({outcome})"
        )

    def welcome(self, demo: Demo) -> None:
        """Say where to look and as whom."""
        people = [("manager", demo.manager), ("expert", demo.expert)]
        people += [("annotator", person) for person in demo.annotators]
        lines = [f"  {role:<10} {who.username:<9} {who.password}" for role, who in people]
        kept = Path(settings.DATA_DIR) / "demo.json"
        loop = f" (first upload to verdict: {self.loop_seconds:.0f} s)" if self.loop_seconds else ""
        self.say(
            f"\nReady after {self.seconds():.0f} s{loop}. "
            f"Open {settings.BASE_URL}/ and sign in as\n\n"
            + "\n".join(lines)
            + f"\n\nConsole: {settings.BASE_URL}/admin/   API: {settings.BASE_URL}/docs"
            f"\nThe same, and the API token of the README's calls: {kept}\nCtrl-C stops it."
        )

    def captioner(self, verb: str, *more: str) -> Child:
        """Describe one run of the reference captioner."""
        command = self.program("examples.captioner", verb)
        command += ["--config", str(self.folder / "captioner.json")]
        command += ["--data", str(self.folder / "captioner"), *more]
        return Child("captioner", command)

    def program(self, module: str, *arguments: str) -> list[str]:
        """Return the command that runs a module of this Python."""
        return [sys.executable, "-m", module, *arguments]

    def seconds(self) -> float:
        """How long this start has taken so far."""
        return time.monotonic() - self.began

    def say(self, line: str) -> None:
        """Print at once: whoever started us may be reading a pipe."""
        self.stdout.write(line)
        self.stdout.flush()


class Every:
    """Asks a question at most once in a while; in between the last answer stands."""

    def __init__(self, seconds: float, question: Callable[[], Any]) -> None:
        self.seconds = seconds
        self.question = question
        self.asked = 0.0
        self.answer: Any = False

    def __call__(self) -> Any:
        """Return the answer, a fresh one when it is time."""
        if time.monotonic() - self.asked >= self.seconds:
            self.answer = self.question()
            self.asked = time.monotonic()
        return self.answer
