#!/bin/sh
uname -r
