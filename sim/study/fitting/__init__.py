"""``keystorm fit``: from a request log to a scenario that is described, and how well the two agree.

log = read_log(path)                             # or logs of any format, see sim.study.fitting.log
fitted = fit_log(log, Options())                 # .text is the scenario, .loaded the same, checked
history = against_history(log, fitted.loaded, "in force", Options())
"""
