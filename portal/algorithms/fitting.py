"""What a clip asks of the person who captions it, as its tags say, and who can give it.

The tag `lang:de` names the language of the captions, where it is not the project's own, and
`needs:cardiology` a skill. Everything else in the tags describes the clip and asks nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass

LANGUAGE_TAG = "lang:"
SKILL_TAG = "needs:"


@dataclass(frozen=True)
class Needs:
    """A language (empty: the project's own) and skills, sorted, in lower case."""

    language: str = ""
    skills: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """One text for all of it; empty where nothing special is asked."""
        return f"{self.language}|{','.join(self.skills)}" if self.language or self.skills else ""


def needs_of(tags: Iterable[str]) -> Needs:
    """Read what a clip's tags ask of people; of several languages the first counts."""
    named = [tag.strip().lower() for tag in tags]
    languages = [tag.removeprefix(LANGUAGE_TAG).strip() for tag in named if _is(tag, LANGUAGE_TAG)]
    skills = {tag.removeprefix(SKILL_TAG).strip() for tag in named if _is(tag, SKILL_TAG)}
    return Needs(languages[0] if languages else "", tuple(sorted(skills)))


def domains_of(tags: Iterable[str]) -> list[str]:
    """Return the tags that say what a clip is about, in lower case."""
    named = (tag.strip().lower() for tag in tags)
    return [tag for tag in named if tag and not tag.startswith((LANGUAGE_TAG, SKILL_TAG))]


def _is(tag: str, prefix: str) -> bool:
    return tag.startswith(prefix) and bool(tag.removeprefix(prefix).strip(" ,|"))


def speaks(languages: Iterable[str], language: str) -> bool:
    """Say whether somebody's languages cover one: `en` covers `en-GB`, not the other way round."""
    wanted = language.lower()
    return any(wanted == own or wanted.startswith(f"{own}-") for own in languages)


def fits(needs: Needs, languages: Iterable[str], skills: Iterable[str], project: str) -> bool:
    """Say whether somebody can caption what asks for this, in a project of that language.

    Who names no language speaks the project's, and no other.
    """
    return speaks(tuple(languages) or (project.lower(),), needs.language or project) and set(
        needs.skills
    ) <= set(skills)
