"""Rehearse: would this design tell the truth, on what these customers did before?"""
