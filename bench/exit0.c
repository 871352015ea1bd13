/* SPDX-License-Identifier: Apache-2.0 */
/* The smallest program to spawn, built static. */
int main(void)
{
	return 0;
}
