#!/bin/sh
sed -i 's/a: "2"/a: "3"/' "$1"
