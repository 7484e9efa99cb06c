"""What a person reads: the one frame of every page, and files that are whole or not there."""

from steepest.report.blocks import (
    Badge as Badge,
    Block as Block,
    Cell as Cell,
    Code as Code,
    Column as Column,
    Facts as Facts,
    Figure as Figure,
    Link as Link,
    Listing as Listing,
    Notes as Notes,
    Page as Page,
    Section as Section,
    Table as Table,
    Text as Text,
    Tone as Tone,
)
from steepest.report.files import (
    prepare_folder as prepare_folder,
    write_atomically as write_atomically,
)
from steepest.report.numbers import (
    duration as duration,
    short as short,
    strict_number as strict_number,
)
from steepest.report.page import render_page as render_page
from steepest.report.text import render_text as render_text
