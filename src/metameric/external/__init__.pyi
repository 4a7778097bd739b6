from ._mad_results import plot_MAD_results as plot_MAD_results
