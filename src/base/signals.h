/*
 * SIGINT, SIGTERM and SIGHUP while training: the first is noted, so that the step can be finished and
 * saved. `timeout` and a terminal send one signal twice, to the process and to its group, so a second
 * one changes nothing. Only another Ctrl-C, at least a second after the first, ends the process at once.
 * A signal that was ignored when the process began (nohup, & in a script) stays ignored.
 */
#ifndef BASE_SIGNALS_H
#define BASE_SIGNALS_H

/* When the process begins: notes what it has inherited. A driver's compiler may put handlers of its own
 * in place later, which would hide that a signal was ignored. */
void signals_inherit(void);

/* Catch signals from here on; restore what they did before. Pairs may be nested: a search catches
 * signals for all its trials, so that none is lost between two. */
void signals_catch(void);
void signals_release(void);

/* The signal that came first, or 0. */
int signals_caught(void);

/* 0, or if a signal came -1 after fail() with its exit code. */
int signals_check(void);

#endif
