"""Words that exclude each other in one place of a caption: opposites, colours, numbers, negation.

Common dimensions of what a clip shows, in the languages seen most. What is in no list is judged by
the captions around it (`oppositions`), so a missing word costs sharpness, not correctness.
"""

import re

_THOUSANDS = re.compile(r"[,.](?=\d{3}(?!\d))")

# A blank line between dimensions, one value a line; an indented line continues the value above.
_DIMENSIONS = """
left leftward leftwards izquierda gauche links esquerda sinistra 左 يسار اليسار يسارا слева влево
  налево вліво
right rightward rightwards derecha droite rechts direita destra 右 يمين اليمين يمينا справа
  вправо направо вправо

up upward upwards upstairs arriba haut oben acima 上 أعلى вверх
down downward downwards downstairs abajo bas unten abaixo 下 أسفل вниз

north northern
south southern
east eastern
west western

forward forwards ahead adelante avant vorwärts 前 للأمام вперед
backward backwards reverse atrás arrière rückwärts 后 後 للخلف назад

clockwise
counterclockwise anticlockwise

into inside indoors indoor
out outside outdoors outdoor

enter enters entering entered
exit exits exiting exited leave leaves leaving left

open opens opening opened opened
close closes closing closed shut shuts shutting

push pushes pushing pushed
pull pulls pulling pulled

start starts starting started begin begins beginning
stop stops stopping stopped end ends ending finish finishes

appear appears appearing appeared
disappear disappears disappearing disappeared vanish vanishes vanishing

rise rises rising rose ascend ascends climb climbs climbing
fall falls falling fell descend descends drop drops sink sinks sinking

grow grows growing expand expands expanding enlarge enlarges
shrink shrinks shrinking contract contracts

approach approaches approaching
recede recedes receding retreat retreats

add adds adding added
remove removes removing removed

load loads loading
unload unloads unloading

win wins winning won
lose loses losing lost

buy buys buying bought
sell sells selling sold

fast faster quick quickly rapidly swiftly schnell rápido vite 快 سريع быстро
slow slower slowly langsam lento lentement 慢 بطيء медленно

big bigger large larger huge giant enormous grande grand groß 大 كبير большой
small smaller little tiny miniature pequeño petit klein 小 صغير маленький

tall taller high higher
short shorter low lower

long longer
short shorter

hot warm
cold cool

wet
dry

full
empty

light bright
dark dim

young
old elderly

on
off

land lands landing landed
takeoff takes

day daytime morning afternoon
night nighttime evening

first
last final

top upper
bottom lower

above over
below under beneath underneath

before
after

happy happily smiling laughing
sad sadly crying weeping

man men guy guys male gentleman
woman women lady ladies female

boy boys
girl girls

white 白 blanco blanc weiß أبيض белый
black 黑 黒 negro noir schwarz أسود черный
red 红 赤 rojo rouge rot أحمر красный
blue 蓝 青 azul bleu blau أزرق синий
green 绿 緑 verde vert grün أخضر зеленый
yellow 黄 amarillo jaune gelb أصفر желтый
orange
purple violet 紫
pink
brown
grey gray 灰

circle circular round disc disk
square box cube cuboid
triangle triangular pyramid
rectangle rectangular
star
hexagon

empty
crowded
"""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


NEGATIONS = _words(
    """
    not no never none nobody nothing without don't doesn't isn't aren't can't cannot won't didn't
    不 没 沒 無 ない لا ليس не ні nicht kein keine ne pas sin
    """
)

# Words that carry no content of their own: exchanging one for another says nothing new.
FUNCTION_WORDS = _words(
    """
    a an the this that these those is are was were be been being am and or but so then as of to for
    by at from it its his her their my your our he she they we i you him them who which there has
    have had do does did will would can could some any other while very also just
    """
)

_NUMBERS = {
    word: float(number)
    for number, words in enumerate(
        (
            "zero",
            "one single 一 واحد один eins uno un",
            "two couple pair 二 两 兩 اثنان два zwei dos deux",
            "three 三 ثلاثة три drei tres trois",
            "four 四 أربعة четыре vier cuatro quatre",
            "five 五 خمسة пять fünf cinco cinq",
            "six 六 ستة шесть sechs seis",
            "seven 七 سبعة семь sieben siete sept",
            "eight 八 ثمانية восемь acht ocho huit",
            "nine 九 تسعة девять neun nueve neuf",
            "ten 十 عشرة десять zehn diez dix",
        )
    )
    for word in words.split()
}


def _read(dimensions: str) -> dict[str, dict[int, int]]:
    """Index every word by dimension and value; a word may stand in several dimensions."""
    places: dict[str, dict[int, int]] = {}
    for dimension, block in enumerate(dimensions.strip().split("\n\n")):
        for value, words in enumerate(block.replace("\n  ", " ").splitlines()):
            for word in words.split():
                places.setdefault(word, {})[dimension] = value
    return places


_PLACES = _read(_DIMENSIONS)


def exclude(x: str, y: str) -> bool:
    """Whether two folded words are different values of one dimension, and nowhere the same."""
    if x == y:
        return False
    number_x, number_y = number(x), number(y)
    if number_x is not None and number_y is not None:
        return number_x != number_y
    here, there = _PLACES.get(x, {}), _PLACES.get(y, {})
    common = here.keys() & there.keys()
    return bool(common) and all(here[axis] != there[axis] for axis in common)


def is_marked(word: str) -> bool:
    """Whether a folded word can exclude any other at all."""
    return word in _PLACES or number(word) is not None


def number(word: str) -> float | None:
    """The number that a word or figure names, if it names one; any script's digits."""
    if word in _NUMBERS:
        return _NUMBERS[word]
    plain = _THOUSANDS.sub("", word).replace(",", ".")
    try:
        return float(plain) if word[:1].isdigit() else None
    except ValueError:
        return None
