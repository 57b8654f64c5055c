/* SIGINT and SIGTERM while training: the first is noted, so that the step can be finished and saved;
 * the second ends the process at once. */
#ifndef TRAIN_SIGNALS_H
#define TRAIN_SIGNALS_H

void signals_catch(void);   /* from here on */
void signals_release(void); /* back to what they did before */

/* The signal that came, or 0. */
int signals_caught(void);

#endif
