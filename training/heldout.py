"""The real labelled texts as JSON lines for `waibao model prepare`, which takes from them what training held out."""

import argparse
import json

from corpora import real_labelled


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpora", required=True)
    parser.add_argument("--out", required=True)
    args = parser.parse_args()
    with open(args.out, "w", encoding="utf-8") as out:
        for text, code, alt, *_ in real_labelled(args.corpora):
            out.write(json.dumps({"text": text, "code": code, "alt": alt}, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
