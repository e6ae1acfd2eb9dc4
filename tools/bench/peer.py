"""What Python does with the same files: see protocol.ts. One request a line on standard input, one answer a line."""

import hashlib
import json
import multiprocessing
import sys
import time

import docx
import pptx
import pypdfium2
import tiktoken
import tiktoken.load
from docx.table import Table
from langchain_text_splitters import RecursiveCharacterTextSplitter

# The vocabulary that Millrace counts by comes with the Node package that holds it: tiktoken would download its own.
encoding = tiktoken.Encoding(
    name="cl100k_base",
    pat_str=(
        r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+"
        r"|\s++$|\s*[\r\n]|\s+(?!\S)|\s"
    ),
    mergeable_ranks=tiktoken.load.load_tiktoken_bpe(sys.argv[1]),
    special_tokens={},
)
by_tokens = RecursiveCharacterTextSplitter(
    chunk_size=500, chunk_overlap=50, length_function=lambda text: len(encoding.encode_ordinary(text))
)
# About what 500 tokens and an overlap of 50 are in English.
by_characters = RecursiveCharacterTextSplitter(chunk_size=1750, chunk_overlap=175)


def pdf_text(path, part=0, parts=1):
    """The text of the pages of one of so many equal parts."""
    document = pypdfium2.PdfDocument(path)
    try:
        pages = []
        count = len(document)
        for index in range(count * part // parts, count * (part + 1) // parts):
            page = document[index]
            text_page = page.get_textpage()
            pages.append(text_page.get_text_range())
            text_page.close()
            page.close()
        return "\n\n".join(pages)
    finally:
        document.close()


def docx_text(path):
    parts = []
    for item in docx.Document(path).iter_inner_content():
        if isinstance(item, Table):
            parts.extend(" | ".join(cell.text for cell in row.cells) for row in item.rows)
        else:
            parts.append(item.text)
    return "\n\n".join(parts)


def pptx_text(path):
    parts = []
    for slide in pptx.Presentation(path).slides:
        for shape in slide.shapes:
            if shape.has_text_frame:
                parts.append(shape.text_frame.text)
            elif shape.has_table:
                parts.extend(" | ".join(cell.text for cell in row.cells) for row in shape.table.rows)
        if slide.has_notes_slide:
            parts.append("Notes: " + slide.notes_slide.notes_text_frame.text)
    return "\n\n".join(parts)


def plain_text(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


readers = {"pdf": pdf_text, "docx": docx_text, "pptx": pptx_text, "txt": plain_text}


def extract(path):
    return readers[path.rsplit(".", 1)[1]](path), 0


def split(path):
    """The pieces themselves go back, as segments do."""
    pieces = by_tokens.split_text(extract(path)[0])
    return pieces, len(pieces)


def split_characters(path):
    pieces = by_characters.split_text(extract(path)[0])
    return pieces, len(pieces)


works = {"extract": extract, "check": extract, "split": split, "whole": split, "split_characters": split_characters}


def chars_of(result):
    return len(result) if isinstance(result, str) else sum(map(len, result))


# U+FFFE and U+0002 mark a word that a line's end breaks: PDFium's own signs, no text.
marks = str.maketrans("", "", "\ufffe\x02")


def plain(text):
    return "".join(text.translate(marks).split())


def answer(request, pools):
    work = works[request["work"]]
    processes = request["processes"]
    if processes > 1 and processes not in pools:
        pools[processes] = multiprocessing.Pool(processes)
    began = time.perf_counter()
    if processes > 1 and len(request["files"]) == 1 and request["work"] == "extract":
        [path] = request["files"]
        halves = pools[processes].starmap(pdf_text, [(path, part, processes) for part in range(processes)], chunksize=1)
        results = [("\n\n".join(halves), 0)]
    elif processes > 1:
        results = pools[processes].map(work, request["files"], chunksize=1)
    else:
        results = [work(path) for path in request["files"]]
    seconds = time.perf_counter() - began
    prints = []
    if request["work"] == "check":
        texts = [plain(text) for text, _ in results]
        prints = [hashlib.sha256(text.encode()).hexdigest() for text in texts]
        chars = sum(map(len, texts))
    else:
        chars = sum(chars_of(result) for result, _ in results)
    return {"seconds": seconds, "chars": chars, "pieces": sum(count for _, count in results), "prints": prints}


if __name__ == "__main__":
    pools = {}
    for line in sys.stdin:
        try:
            reply = answer(json.loads(line), pools)
        except Exception as error:  # the benchmark prints it and ends
            reply = {"error": repr(error)}
        print(json.dumps(reply), flush=True)
    for pool in pools.values():
        pool.terminate()
        pool.join()
