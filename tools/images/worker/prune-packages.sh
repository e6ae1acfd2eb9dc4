#!/bin/sh
# Takes out of ./node_modules what a running worker never loads. Each line says what; test/infra/images.test.ts imports
# every module of the worker afterwards and runs each reader once.
set -eu
cd node_modules

# binaries for other platforms than this image's: npm leaves them out where their packages say so, and not all do
find . -mindepth 1 -maxdepth 3 -type d \( -name '*-musl' -o -name '*-darwin-*' -o -name '*-win32-*' -o -name '*-android-*' -o -name '*-freebsd-*' \) -prune -exec rm -rf {} +

# maps, type declarations, prose (licences stay)
find . -type f \( -name '*.map' -o -name '*.d.ts' -o -name '*.d.cts' -o -name '*.d.mts' -o -name '*.flow' -o -iname 'readme*' -o -iname 'changelog*' -o -iname 'history.md' \) -exec rm -f {} +

# at a package's top: tests, examples, docs, what bundles are made from
for package in ./* ./@*/*; do
  [ -f "$package/package.json" ] || continue
  for folder in test tests __tests__ example examples doc docs integration .github benchmark benchmarks; do
    rm -rf "${package:?}/$folder"
  done
done
rm -rf ai/src zod/src luxon/src luxon/build/amd luxon/build/es6 luxon/build/global

# builds for browsers, and for the other module system
rm -rf exceljs/dist
# of its sixteen builds the worker counts with one: gpt-tokenizer/esm/encoding/cl100k_base
rm -rf gpt-tokenizer/cjs gpt-tokenizer/data gpt-tokenizer/src gpt-tokenizer/dist
find gpt-tokenizer/esm/bpeRanks -type f ! -name 'cl100k_base.js' -exec rm -f {} +
# weights of keyword extraction, which nothing here asks for
rm -f @node-rs/jieba/idf.txt

rm -rf .bin .package-lock.json
