# SPDX-License-Identifier: MIT
"""Tests of the rig; tests/vm/rig_test runs them."""
