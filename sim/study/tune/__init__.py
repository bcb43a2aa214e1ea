"""``keystorm tune``: the smallest limits with which each project meets its objectives, and who gets what of an account.

One project at a time is searched alone with its own traffic (:mod:`.subjects`, :mod:`.lab`,
:mod:`.search`), then everybody is run together (:mod:`.together`). Where an account is too small
for the sum, :mod:`.allocate` divides it.
"""
