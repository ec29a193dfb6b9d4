/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Cases of npt_range_test.c and npt_walk_test.c, for all formats. Included where they
 * are used.
 */
	AXAS_CASE(npt_largest_leaf_that_fits)
	AXAS_CASE(npt_max_level_is_kept)
	AXAS_CASE(npt_populate_fills_one_table)
	AXAS_CASE(npt_populate_fills_gaps)
	AXAS_CASE(npt_split_for_unmap_at_both_ends)
	AXAS_CASE(npt_split_for_protect_keeps_the_rest)
	AXAS_CASE(npt_split_cost_by_hand)
	AXAS_CASE(npt_walk_is_what_is_there)
	AXAS_CASE(npt_tables_are_what_is_there)
	AXAS_CASE(npt_install_builds_the_path)
	AXAS_CASE(npt_install_without_memory_leaves_nothing)
	AXAS_CASE(npt_install_into_a_changed_slot)
	AXAS_CASE(npt_unmap_stops_faults_that_looked_before)
	AXAS_CASE(npt_unmap_in_a_gap)
	AXAS_CASE(npt_protect_stops_faults_that_looked_before)
	AXAS_CASE(npt_unmap_frees_a_full_gather)
	AXAS_CASE(npt_full_table_goes_unseen)
	AXAS_CASE(npt_full_table_is_no_place_any_more)
	AXAS_CASE(npt_tables_outlive_readers)
	AXAS_CASE(npt_pool)
	AXAS_CASE(npt_init_without_memory)
